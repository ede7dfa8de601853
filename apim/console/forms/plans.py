"""Forms about plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from apim.accounts.models import Organization, User
from apim.console.forms.apis import OrganizationChoice, offer_organizations
from apim.console.forms.fields import NameField
from apim.console.forms.quotas import SizeField, WeightsField
from apim.products.limits import (
    ANCHORED,
    BILLING_PERIOD,
    BYTES,
    CALENDAR,
    CALLS,
    QUOTA_PERIODS,
    UNITS,
    is_anchored,
    unit_of,
)
from apim.products.models import Plan, PlanVersion
from apim.products.services import Terms

PERIODS_S = (
    (1, pgettext_lazy("a period", "second")),
    (60, pgettext_lazy("a period", "minute")),
    (3600, pgettext_lazy("a period", "hour")),
)
FIELDS_OF_UNITS = {CALLS: "quota", UNITS: "units", BYTES: "bytes"}
UNRECORDED = {
    "refuse": gettext_lazy("Calls are refused"),
    "serve": gettext_lazy("Calls are served, and counted as unmetered"),
}
UNCONFIRMED = {
    "refuse": gettext_lazy("Calls are refused beyond what the gateway holds"),
    "share": gettext_lazy("Each gateway keeps a part of the quotas, and lets a hundredth pass beyond it"),
}


class TermsForm(forms.Form):
    """What a plan grants."""

    # Their fields stand in the row, or the box, of another.
    shown_with_others = frozenset(
        {
            "per_s",
            "burst",
            "quota_day",
            "quota_month",
            "quota_period",
            "window",
            "bytes_day",
            "bytes_month",
            "bytes_period",
            "units_hour",
            "units_day",
            "units_month",
            "units_period",
            "weights",
            "when_unconfirmed",
            "when_unrecorded",
        }
    )

    approval = forms.ChoiceField(
        choices=(("auto", gettext_lazy("At once")), ("manual", gettext_lazy("After an owner's approval"))),
        widget=forms.RadioSelect,
        initial="auto",
        label=gettext_lazy("Access begins"),
    )
    rate = forms.IntegerField(
        required=False,
        min_value=1,
        label=gettext_lazy("Rate limit: calls"),
        help_text=gettext_lazy("Empty: no rate limit."),
    )
    per_s = forms.TypedChoiceField(choices=PERIODS_S, coerce=int, initial=1, label=pgettext_lazy("a period", "each"))
    burst = forms.IntegerField(
        required=False,
        min_value=1,
        label=gettext_lazy("Burst"),
        help_text=gettext_lazy("Calls at once; empty: as many as the rate."),
    )
    quota_hour = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Calls per hour"))
    quota_day = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Calls per day"))
    quota_month = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Calls per month"))
    quota_period = forms.IntegerField(
        required=False,
        min_value=1,
        label=gettext_lazy("Calls per billing period"),
        help_text=gettext_lazy("Counted from each subscription's beginning; a month where the plan has no prices."),
    )
    window = forms.ChoiceField(
        required=False,
        choices=(
            (CALENDAR, gettext_lazy("At midnight in the time zone")),
            (ANCHORED, gettext_lazy("At the hour and day on which each subscription began")),
        ),
        label=gettext_lazy("Days and months of the quotas begin"),
    )
    bytes_hour = SizeField(label=gettext_lazy("Data per hour"))
    bytes_day = SizeField(label=gettext_lazy("Data per day"))
    bytes_month = SizeField(label=gettext_lazy("Data per month"))
    bytes_period = SizeField(label=gettext_lazy("Data per billing period"))
    units_hour = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Units per hour"))
    units_day = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Units per day"))
    units_month = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Units per month"))
    units_period = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Units per billing period"))
    weights = WeightsField(
        label=gettext_lazy("What calls cost in units"),
        help_text=gettext_lazy(
            "One operation a line with its cost, such as POST /transfers 5; any other call costs 1."
        ),
    )
    when_unconfirmed = forms.ChoiceField(
        required=False,
        choices=(
            ("", gettext_lazy("As its price says: free plans and those paid afterwards share")),
            *UNCONFIRMED.items(),
        ),
        label=gettext_lazy("While gateways cannot ask each other"),
    )
    when_unrecorded = forms.ChoiceField(
        required=False,
        choices=tuple(UNRECORDED.items()),
        initial="refuse",
        label=gettext_lazy("While a gateway has no room to record calls"),
        help_text=gettext_lazy("As while its disk is full. A plan with prices refuses."),
    )
    timezone = forms.CharField(
        initial="UTC",
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy(
            "Its midnight begins days and months of the quotas, unless they begin with each subscription."
        ),
    )

    def clean_timezone(self) -> str:
        """The name, when there is such a zone."""
        name = str(self.cleaned_data["timezone"])
        if name not in available_timezones():
            raise ValidationError(
                gettext("There is no time zone %(name)s; Europe/Prague is one.") % {"name": name}, code="timezone"
            )
        return name

    def clean(self) -> dict[str, Any]:
        """The data; a burst needs a rate."""
        data = super().clean() or {}
        if data.get("burst") and not data.get("rate"):
            self.add_error("rate", ValidationError(gettext("A burst needs a rate beside it."), code="required"))
        return data

    @property
    def terms(self) -> Terms:
        """The terms of a valid form."""
        data = self.cleaned_data
        rate = None
        if data["rate"]:
            rate = {"requests": data["rate"], "per_s": data["per_s"], "burst": data["burst"] or data["rate"]}
        quotas = [
            {"requests": data[f"{name}_{per}"], "per": per, "unit": unit}
            | ({"window": ANCHORED} if data["window"] == ANCHORED and per in {"day", "month"} else {})
            for unit, name in FIELDS_OF_UNITS.items()
            for per in QUOTA_PERIODS
            if data[f"{name}_{per}"]
        ]
        return Terms(
            approval=data["approval"],
            rate=rate,
            quotas=quotas,
            timezone=data["timezone"],
            weights=data["weights"],
            when_unconfirmed=data["when_unconfirmed"],
            when_unrecorded=data["when_unrecorded"] or "refuse",
        )

    @property
    def is_measured(self) -> bool:
        """True when something is said of units or data, or is wrong with it."""
        names = [name for name in self.fields if name.startswith(("bytes_", "units_"))] + [
            "weights",
            "when_unconfirmed",
        ]
        is_serving = self["when_unrecorded"].value() == "serve" or bool(self["when_unrecorded"].errors)
        return is_serving or any(self[name].value() or self[name].errors for name in names)

    def place_of(self, field: str) -> str:
        """`quotas.0` is the field of the first quota that was filled in."""
        head, _, index = field.partition(".")
        quotas = self.terms.quotas
        is_quota = head == "quotas" and index.isdecimal() and int(index) < len(quotas)
        return _field_of(quotas[int(index)]) if is_quota else field


def terms_initial(version: PlanVersion) -> dict[str, object]:
    """The form's values for terms that exist."""
    rate = version.rate or {}
    return {
        "approval": version.approval,
        "rate": rate.get("requests"),
        "per_s": rate.get("per_s", 1),
        "burst": rate.get("burst"),
        **{_field_of(quota): quota["requests"] for quota in version.quotas},
        "window": ANCHORED if any(map(_is_moved, version.quotas)) else CALENDAR,
        "weights": version.weights,
        "when_unconfirmed": version.when_unconfirmed,
        "when_unrecorded": version.when_unrecorded,
        "timezone": version.timezone,
    }


def _is_moved(quota: Mapping[str, Any]) -> bool:
    return is_anchored(quota) and quota["per"] != BILLING_PERIOD


def _field_of(quota: Mapping[str, Any]) -> str:
    return f"{FIELDS_OF_UNITS[unit_of(quota)]}_{quota['per']}"


class NewPlanForm(TermsForm):
    """A plan and its first terms."""

    name = NameField(help_text=gettext_lazy("Used in documents and the CLI. It cannot be changed later."))
    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    organization = OrganizationChoice()

    field_order = ("name", "display_name", "description", "organization")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_organizations(self, user)


class AudienceForm(forms.Form):
    """What a plan is called, and who may choose it."""

    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    visibility = forms.ChoiceField(
        choices=(
            ("public", gettext_lazy("Everybody who sees a product that offers it")),
            ("private", gettext_lazy("Only the organizations below")),
        ),
        widget=forms.RadioSelect,
        label=gettext_lazy("Who may choose it"),
    )
    offered_to = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"}),
        label=gettext_lazy("Organizations"),
        help_text=gettext_lazy(
            "The names of those that see it while it is private, one a line. Subscribers keep it in any case."
        ),
    )

    def clean_offered_to(self) -> list[Organization]:
        """The organizations that the lines name."""
        names = list(dict.fromkeys(str(self.cleaned_data["offered_to"]).split()))
        found = {each.name: each for each in Organization.objects.filter(name__in=names)}
        missing = [name for name in names if name not in found]
        if missing:
            raise ValidationError(
                gettext("There is no organization %(missing)s. Its members find its name on their page Organization.")
                % {"missing": missing[0]},
                code="missing",
            )
        return [found[name] for name in names]


def audience_initial(plan: Plan) -> dict[str, object]:
    """The form's values for a plan."""
    return {
        "display_name": plan.display_name,
        "description": plan.description,
        "visibility": plan.visibility,
        "offered_to": "\n".join(plan.offered_to.order_by("name").values_list("name", flat=True)),
    }
