"""Forms about organizations, their teams, and who is who there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.models import Membership, Organization, Team, User
from apim.console.forms.fields import NameField, offer_choices, offer_rows
from apim.listing import labelled
from apim.ui.typed import TypedForm


class NewOrganizationForm(forms.Form):
    """An organization."""

    name = NameField(help_text=gettext_lazy("Used in documents and the CLI."))
    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))


class OrganizationForm(forms.ModelForm):
    """What an admin decides about an organization."""

    class Meta:
        model = Organization
        fields = ("display_name", "owners_edit_plans")
        labels = {
            "display_name": gettext_lazy("Name shown"),
            "owners_edit_plans": gettext_lazy("Its owners may edit their plans"),
        }
        help_texts = {"owners_edit_plans": gettext_lazy("Never above the ceilings. Otherwise only admins edit plans.")}


class TeamChoice(forms.ModelChoiceField):
    """A choice among the teams of all organizations."""

    def __init__(self) -> None:
        super().__init__(
            queryset=Team.objects.select_related("organization").order_by("organization__name", "name"),
            required=False,
            empty_label=gettext_lazy("No team"),
            help_text=gettext_lazy(
                "In a team, developers work with its applications alone, and owners also change its APIs."
            ),
        )

    def label_from_instance(self, obj: object) -> str:
        """The organization with its team."""
        return labelled(obj.organization, obj) if isinstance(obj, Team) else str(obj)


class RoleForm(forms.Form):
    """A role in an organization."""

    organization = forms.ModelChoiceField(queryset=Organization.objects.all(), empty_label=None)
    role = forms.ChoiceField(choices=Membership.Role.choices, widget=forms.RadioSelect, initial="developer")
    team = TeamChoice()

    def clean(self) -> dict[str, Any]:
        """With the slug of the team. Errors: a team of another organization."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        team = data.get("team")
        if team is not None and team.organization != data.get("organization"):
            words = {"team": team, "organization": team.organization}
            self.add_error("team", gettext("%(team)s is a team of %(organization)s.") % words)
        return data | {"team": team.name if team else ""}


class InvitationForm(RoleForm):
    """Whom to invite as what."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"))

    field_order = ("email", "organization", "role", "team")


class MembershipForm(forms.Form):
    """A changed role."""

    role = forms.ChoiceField(choices=Membership.Role.choices)
    team = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"role": membership.role, "team": membership.team}
        teams = membership.organization.teams.all()
        offer_choices(self, "team", teams.choices(whole=gettext_lazy("No team"), current=membership.team))


class RemovalForm(TypedForm):
    """Who answers for the keys of a member who goes: an owner of the whole organization, or nobody."""

    heir = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        label=gettext_lazy("Keys that they created"),
        empty_label=gettext_lazy("stop working at once"),
        help_text=gettext_lazy("An owner who is chosen answers for them from now on, and they go on working."),
    )

    field_order = ("heir", "typed")

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, name=membership.user.email, **kwargs)
        mine = Membership.objects.filter(organization=membership.organization_id)
        leading = mine.filter(role=Membership.Role.OWNER, team="")
        heirs = User.objects.filter(pk__in=leading.values("user"), is_active=True).exclude(pk=membership.user_id)
        offer_rows(self, "heir", heirs.order_by("email"))


class NewTeamForm(forms.Form):
    """A team."""

    organization = forms.ModelChoiceField(queryset=Organization.objects.all(), empty_label=None)
    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))
    name = NameField(
        required=False,
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy("What documents and programs call it; it stays. Left empty, it is made of the name."),
    )


class TeamForm(forms.Form):
    """What people call a team."""

    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))
