"""What organization and settings pages ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization
from apim.accounts.scopes import SCOPES
from apim.ui.language import filled
from apim.ui.typed import TypedForm

if TYPE_CHECKING:
    from datetime import datetime

_LIFETIMES_DAYS = (30, 90, 365)


class RoleForm(forms.Form):
    """What somebody is in an organization."""

    role = forms.ChoiceField(label=_("Role"), choices=Membership.Role.choices, initial=Membership.Role.DEVELOPER)
    team = forms.ChoiceField(
        label=_("Team"),
        required=False,
        help_text=_(
            "In a team, developers work with its applications and those of the whole organization alone;"
            " owners also change its APIs, but neither other APIs nor who belongs here."
        ),
    )

    def __init__(self, *args: Any, organization: Organization | None, current: str = "", **options: Any) -> None:
        """Without the question where there are no teams. Shapes: current = the team that the person has."""
        super().__init__(*args, **options)
        choices = organization.teams.all().choices(whole=_("No team"), current=current) if organization else []
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices
        if len(choices) <= 1:
            del self.fields["team"]

    def values(self) -> dict[str, str]:
        """The role and the team, "" = none. Call after is_valid()."""
        return {"team": "", **self.cleaned_data}


class InvitationForm(RoleForm):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    field_order = ("email", "role", "team")


class RemovalForm(TypedForm):
    """What becomes of the keys of a member who goes."""

    END, KEEP = "end", "keep"
    keys = forms.ChoiceField(
        label=_("Keys that they created"),
        required=False,
        widget=forms.RadioSelect,
        initial=END,
        choices=[
            (END, _("stop working at once")),
            (KEEP, _("go on working, and you answer for them from now on")),
        ],
    )
    field_order = ("keys", "typed")


class LeakPolicyForm(forms.Form):
    """What becomes of a key of the organization that somebody found."""

    on_leak = forms.ChoiceField(
        label=_("When somebody reports a key of yours"),
        widget=forms.RadioSelect,
        choices=[
            (Organization.OnLeak.REVOKE, _("revoke it at once and tell everyone here by mail")),
            (Organization.OnLeak.WARN, _("tell everyone here by mail, and let it go on working")),
        ],
    )


class NameForm(forms.Form):
    """How others see a person."""

    name = forms.CharField(
        label=_("Your name"), max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class DeletionForm(forms.Form):
    """The address of the account, typed by who means it."""

    typed = forms.CharField(
        label=_("Type your e-mail address"), max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, data: object = None, *, email: str) -> None:
        """Shapes: email is what must be typed, in any case."""
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        self._email = email

    def clean_typed(self) -> str:
        """The address. Errors: another one."""
        typed: str = self.cleaned_data["typed"].strip()
        if typed.lower() != self._email.lower():
            raise forms.ValidationError(_("This is not the address of your account."))
        return typed


class TokenForm(forms.Form):
    """A token for the REST API and the CLI."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Where will it be used? For example: deploy job.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"), widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Choose at least one.")}
    )
    lifetime = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        choices=[(days, filled(_("After %(days)s days"), {"days": days})) for days in _LIFETIMES_DAYS],
        initial=_LIFETIMES_DAYS[1],
    )

    def __init__(self, data: object = None, *, is_admin: bool) -> None:
        """Shapes: only admins are offered the scope `admin`."""
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [(scope, words) for scope, words in SCOPES.items() if is_admin or scope != "admin"]

    def expires_at(self) -> datetime:
        """The moment the token dies by itself. Call after is_valid()."""
        return timezone.now() + timedelta(days=self.cleaned_data["lifetime"])
