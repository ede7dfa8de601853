"""What "Get access" asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.access.models import Application
from portal.getting_access import FIRST_APPLICATION, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apim.products.models import Product
    from portal.offers import PlanOffer

NEW = "new"


class AccessForm(forms.Form):
    """A plan, an application (a new one unless chosen), and a note for who decides."""

    plan = forms.ChoiceField(
        label=gettext_lazy("Plan"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a plan.")},
    )
    application = forms.ChoiceField(label=gettext_lazy("Application"), widget=forms.RadioSelect, required=False)
    new_name = forms.CharField(label=gettext_lazy("Name of the new application"), max_length=60, required=False)
    note = forms.CharField(
        label=gettext_lazy("Note to the owner"),
        max_length=255,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("What are you building, and how many calls do you expect?"),
    )

    def __init__(
        self,
        data: object = None,
        *,
        product: Product,
        offers: Sequence[PlanOffer],
        applications: Sequence[Application],
        wanted_plan: str = "",
        wanted_application: str = "",
    ) -> None:
        """Shapes: wanted_plan is a plan's name, wanted_application an application's id; unknown ones are ignored."""
        self.product = product
        self.offers = {offer.plan.name: offer for offer in offers if offer.is_open}
        self.applications = {application.id: application for application in applications}
        first_plan = wanted_plan if wanted_plan in self.offers else next(iter(self.offers), "")
        first_application = (
            wanted_application if wanted_application in self.applications else next(iter(self.applications), NEW)
        )
        super().__init__(
            data,  # type: ignore[arg-type]  # request.POST or None
            initial={"plan": first_plan, "application": first_application, "new_name": gettext(FIRST_APPLICATION)},
        )
        self._choices("plan").choices = [(name, offer.plan.display_name) for name, offer in self.offers.items()]
        self._choices("application").choices = [
            *((each.id, each.display_name) for each in applications),
            (NEW, gettext_lazy("A new application")),
        ]
        if applications:
            self.initial["new_name"] = ""

    def _choices(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        return field

    @property
    def chosen_plan(self) -> str:
        """The plan marked on the page."""
        return str(self["plan"].value() or "")

    @property
    def chosen_application(self) -> str:
        """The application marked on the page."""
        return str(self["application"].value() or NEW)

    @property
    def chosen_offer(self) -> PlanOffer:
        """The plan asked for. Call after is_valid()."""
        return self.offers[self.cleaned_data["plan"]]

    def wish(self) -> Wish:
        """What was asked for. Call after is_valid()."""
        data = self.cleaned_data
        return Wish(
            product=self.product,
            plan=self.offers[data["plan"]].plan,
            application=self.applications.get(data["application"]),
            new_name=data["new_name"].strip(),
            note=data["note"].strip(),
        )


class JoinForm(AccessForm):
    """The same for a visitor: a plan, and an address when the plan works at once, which needs no second form."""

    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        max_length=254,  # what an account can hold
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
        help_text=gettext_lazy("No password yet. We mail a link to confirm it; your key works before that."),
        error_messages={"required": gettext_lazy("Give an e-mail address, such as ada@example.org.")},
    )

    def __init__(self, data: object = None, **options: Any) -> None:
        """Without a plan that works at once, nothing is asked: sign-up asks."""
        super().__init__(data, **options)
        self.fields["email"].required = any(offer.is_immediate for offer in self.offers.values())
