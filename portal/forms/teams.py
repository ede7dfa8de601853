"""What pages about teams ask: a name, and which team somebody or something belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.accounts.permissions import own_team

if TYPE_CHECKING:
    from apim.accounts.models import Organization, User

WHOLE = _("The whole organization")


class TeamNameForm(forms.Form):
    """What people call a team."""

    display_name = forms.CharField(label=_("Name"), max_length=120)


class NewTeamForm(TeamNameForm):
    """A new team."""

    name = forms.SlugField(
        label=_("Short name"),
        max_length=60,
        required=False,
        help_text=_("What documents and programs call it; it stays. Left empty, it is made of the name."),
    )


class TeamChoiceForm(forms.Form):
    """The team that an application belongs to: any, or one's own, for who is bound to one."""

    team = forms.ChoiceField(
        label=_("Belongs to"),
        required=False,
        help_text=_("Members of other teams do not see it. Those who are in no team see every application."),
    )

    def __init__(
        self, *args: Any, organization: Organization | None, user: User, current: str = "", **more: Any
    ) -> None:
        """Without the question for an organization that has no teams. Shapes: current = the team that it has."""
        super().__init__(*args, **more)
        choices = organization.teams.all().choices(whole=WHOLE, current=current) if organization else []
        own = own_team(user, organization.pk) if organization else ""
        if own:
            choices = [each for each in choices if each[0] in {"", own, current}]
        if len(choices) <= 1:
            del self.fields["team"]
            return
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices
        field.initial = current or own
