"""Forms of the guided way: the policies proposed for a version, and the product and plan that offer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.console.forms.fields import NameField, offer_choices, offer_rows
from apim.console.scope import plans_of, products_of
from apim.pricing.money import CURRENCIES
from apim.products.models import Plan, Product
from apim.ui.said import said_both
from gateway_sync.policies import parse_policy
from gateway_sync.problems import Where

if TYPE_CHECKING:
    from apim.accounts.models import User
    from apim.catalog.models import APIVersion

Policies = Sequence[Mapping[str, Mapping[str, Any]]]
COMMON_CURRENCIES: Final = ("EUR", "USD", "GBP", "CHF", "JPY")


class ProposalForm(forms.Form):
    """Four policies that nearly every API wants, each with a switch; others of the version stay as they are."""

    key = forms.BooleanField(
        required=False,
        label=gettext_lazy("Ask for an API key"),
        help_text=gettext_lazy("Off: anybody may call, and calls are counted by operation alone."),
    )
    has_rate = forms.BooleanField(required=False, label=gettext_lazy("Limit the rate"))
    rate = forms.CharField(
        required=False,
        max_length=20,
        label=gettext_lazy("Calls by each application"),
        help_text=gettext_lazy("Such as 100/s or 600/m. Plans may allow less."),
    )
    has_size = forms.BooleanField(required=False, label=gettext_lazy("Limit the size of bodies"))
    size = forms.CharField(
        required=False,
        max_length=20,
        label=gettext_lazy("The largest body"),
        help_text=gettext_lazy("Such as 64KiB or 1MiB."),
    )
    cors = forms.BooleanField(
        required=False,
        label=gettext_lazy("Let web pages call it (CORS)"),
        help_text=gettext_lazy("On: browsers let pages of the origins below read the answers."),
    )
    origins = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Origins"),
        help_text=gettext_lazy("With spaces between, such as https://shop.example; * for all."),
    )

    _KINDS: Final = {"key": "key-auth", "rate": "rate-limit", "size": "size-limit", "origins": "cors"}
    _PLACES: Final = {"key-auth": "key", "rate-limit": "rate", "size-limit": "size", "cors": "origins"}

    def clean(self) -> dict[str, Any]:
        """The data; what is on must please its kind."""
        data = super().clean() or {}
        for policy in self._chosen():
            kind, settings = next(iter(policy.items()))
            _value, problems = parse_policy(kind, settings, Where("policy", kind))
            for problem in problems:
                said = ValidationError(said_both(problem.message, problem.hint), code=problem.code)
                self.add_error(self._PLACES[kind], said)
        return data

    def policies(self, current: Policies) -> list[Mapping[str, Mapping[str, Any]]]:
        """The version's policies with the proposed ones as the form has them."""
        kept = [policy for policy in current if not _is_proposed(policy)]
        return [*self._chosen(current), *kept]

    def _chosen(self, current: Policies = ()) -> list[Mapping[str, Mapping[str, Any]]]:
        data, before = self.cleaned_data, {kind: value for policy in current if _is_proposed(policy)
                                           for kind, value in policy.items()}  # fmt: skip
        key = {name: value for name, value in before.get("key-auth", {}).items() if name != "anonymous"}
        if not data.get("key"):
            key["anonymous"] = True
        found: list[Mapping[str, Mapping[str, Any]]] = [{"key-auth": key}] if key else []
        if data.get("has_rate"):
            found.append({"rate-limit": {**before.get("rate-limit", {}), "limit": data.get("rate", "")}})
        if data.get("has_size"):
            found.append({"size-limit": {**before.get("size-limit", {}), "max": data.get("size", "")}})
        if data.get("cors"):
            found.append({"cors": {**before.get("cors", {}), "origins": str(data.get("origins", "")).split()}})
        return found


def _is_proposed(policy: Mapping[str, Mapping[str, Any]]) -> bool:
    """True for one of the four kinds that is for all operations and in earnest."""
    kind, settings = next(iter(policy.items()))
    is_for_all = not settings.get("operations") and not settings.get("shadow")
    is_plain = kind != "rate-limit" or settings.get("by", "application") == "application"
    return kind in {"key-auth", "rate-limit", "size-limit", "cors"} and is_for_all and is_plain


def proposal_initial(policies: Policies, *, is_first: bool) -> dict[str, object]:
    """The form's values: what the version has; before it was reviewed, what is proposed where it has nothing."""
    stored = {kind: value for policy in policies if _is_proposed(policy) for kind, value in policy.items()}
    return {
        "key": not stored.get("key-auth", {}).get("anonymous", False),
        "has_rate": "rate-limit" in stored or is_first,
        "rate": stored.get("rate-limit", {}).get("limit", "100/s"),
        "has_size": "size-limit" in stored or is_first,
        "size": stored.get("size-limit", {}).get("max", "1MiB"),
        "cors": "cors" in stored,
        "origins": " ".join(stored.get("cors", {}).get("origins", ("*",))),
    }


class OfferForm(forms.Form):
    """Which product holds the version, and the plan it starts with: a template, or one that exists."""

    TEMPLATES: Final = (
        ("free", gettext_lazy("Free"), gettext_lazy("A number of calls each month, at no price.")),
        ("flat", gettext_lazy("Flat"), gettext_lazy("One price a month for a number of calls, and no more.")),
        (
            "overage",
            gettext_lazy("Quota + overage"),
            gettext_lazy("A price with calls included; more cost more."),
        ),
        ("usage", gettext_lazy("Pay as you go"), gettext_lazy("A price for each call, and nothing without calls.")),
        ("prepaid", gettext_lazy("Prepaid"), gettext_lazy("Credits bought first; each call draws on them.")),
    )

    product = forms.ModelChoiceField(
        queryset=Product.objects.none(),
        required=False,
        empty_label=gettext_lazy("A new product"),
        label=gettext_lazy("Product"),
    )
    product_name = NameField(required=False, label=gettext_lazy("Name of the new product"))
    template = forms.ChoiceField(
        choices=[(value, label) for value, label, _text in TEMPLATES],
        initial="free",
        widget=forms.RadioSelect,
        label=gettext_lazy("Start with"),
    )
    plan = forms.ModelChoiceField(
        queryset=Plan.objects.none(), required=False, empty_label=None, label=gettext_lazy("Plan")
    )
    plan_name = NameField(required=False, label=gettext_lazy("Name of the plan"))
    calls = forms.IntegerField(
        required=False, min_value=1, max_value=10**12, initial=1000, label=gettext_lazy("Calls a month")
    )
    rate = forms.IntegerField(
        required=False, min_value=1, max_value=10**6, initial=10, label=gettext_lazy("Calls a second, at most")
    )
    approval = forms.ChoiceField(
        choices=(("auto", gettext_lazy("At once")), ("manual", gettext_lazy("After an owner's approval"))),
        initial="auto",
        label=gettext_lazy("Access begins"),
    )
    currency = forms.ChoiceField(
        choices=[(code, code) for code in (*COMMON_CURRENCIES, *sorted(set(CURRENCIES) - set(COMMON_CURRENCIES)))],
        initial="EUR",
        required=False,
        label=gettext_lazy("Currency"),
    )
    price = forms.DecimalField(
        required=False, min_value=Decimal(0), max_digits=14, initial="49.00", label=gettext_lazy("Price a month")
    )
    unit = forms.DecimalField(
        required=False, min_value=Decimal(0), max_digits=16, initial="0.001", label=gettext_lazy("Price a call")
    )
    top_up = forms.DecimalField(
        required=False, min_value=Decimal(0), max_digits=14, initial="50.00", label=gettext_lazy("A top-up")
    )

    # Which fields a template asks for; the others are hidden by CSS where it can, and left alone in any case.
    NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
        "free": ("calls",),
        "flat": ("calls", "price"),
        "overage": ("calls", "price", "unit"),
        "usage": ("unit",),
        "prepaid": ("unit", "top_up"),
        "existing": ("plan",),
    }

    def __init__(self, *args: Any, user: User, version: APIVersion, may_make_plans: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        editable = Product.objects.editable_by(user).values("pk")
        own = products_of(user).filter(pk__in=editable, archived_at=None, organization=version.api.organization)
        own = own.exclude(items__version=version)
        offer_rows(self, "product", own)
        self.fields["product"].label_from_instance = str  # type: ignore[attr-defined]
        plans = plans_of(user).filter(Q(archived_at=None), versions__state="active").distinct()
        offer_rows(self, "plan", plans)
        templates = list(self.fields["template"].choices) if may_make_plans else []  # type: ignore[attr-defined]
        if plans.exists():
            templates.append(("existing", _("A plan that exists")))
        offer_choices(self, "template", templates)
        if not may_make_plans:
            self.fields["template"].initial = "existing"
        self.fields["product_name"].initial = version.api.name

    def clean(self) -> dict[str, Any]:
        """The data; what the template needs must be there."""
        data = super().clean() or {}
        for name in self.NEEDS.get(data.get("template", ""), ()):
            if data.get(name) in {None, ""} and name not in self.errors:
                self.add_error(name, ValidationError(_("This plan needs it."), code="required"))
        if not data.get("product") and not data.get("product_name") and "product_name" not in self.errors:
            self.add_error("product_name", ValidationError(_("A new product needs a name."), code="required"))
        return data
