"""Forms about products: their facts, and what of which versions is in them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy

from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.console.forms.apis import OrganizationChoice, offer_organizations
from apim.console.forms.fields import LinesField, NameField, offer_rows
from apim.console.scope import plans_of, versions_of
from apim.products.models import Plan, Product
from apim.ui.states import look_of


class ProductForm(forms.ModelForm):
    """A product; its name and owner only while it is new."""

    name = NameField(help_text=gettext_lazy("Used in documents and the CLI. It cannot be changed later."))
    organization = OrganizationChoice()
    plans = forms.ModelMultipleChoiceField(
        queryset=Plan.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("On offer in the portal. Without a plan nobody can subscribe."),
    )

    class Meta:
        model = Product
        fields = ("name", "display_name", "description", "visibility", "organization", "plans")
        labels = {"display_name": gettext_lazy("Name shown")}
        help_texts = {
            "visibility": gettext_lazy("Public: everybody sees it. Internal: members of the organization only.")
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Q(archived_at=None) | Q(pk__in=self.instance.plans.values("pk") if self.instance.pk else ())
        offer_rows(self, "plans", plans_of(user).filter(offered))
        if self.instance._state.adding:  # noqa: SLF001 - Django documents it
            offer_organizations(self, user)
        else:
            del self.fields["name"], self.fields["organization"]


class VersionChoice(forms.ModelChoiceField):
    """A choice of versions, shown as `bank v1`."""

    def label_from_instance(self, obj: object) -> str:
        """The version's public name and state."""
        return f"{obj} ({look_of(obj.state).word})" if isinstance(obj, APIVersion) else str(obj)


class ItemForm(forms.Form):
    """A version in the product, whole or by patterns; an empty row is left out."""

    version = VersionChoice(
        queryset=APIVersion.objects.none(),
        required=False,
        empty_label=gettext_lazy("None"),
        label=gettext_lazy("Version"),
    )
    operations = LinesField(
        required=False,
        label=gettext_lazy("Only these operations"),
        help_text=gettext_lazy("One pattern a line, such as GET /accounts*. Empty: every operation."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "code", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, product: Product | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = versions_of(user).exclude(state=APIVersion.State.RETIRED)
        held = product.items.values("version") if product else ()  # stays, whatever became of it
        choices = APIVersion.objects.filter(Q(pk__in=offered.values("pk")) | Q(pk__in=held)).select_related("api")
        offer_rows(self, "version", choices)


ItemFormSet = forms.formset_factory(ItemForm, extra=1, max_num=100)
