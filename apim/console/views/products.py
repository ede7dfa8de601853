"""Pages of products: what is bundled, and with which plans it is offered."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.console.forms.products import ItemFormSet, ProductForm
from apim.console.gate import publisher_page
from apim.console.matching import Preview, previews_of
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.problems import problems_of
from apim.console.scope import products_of
from apim.errors import Forbidden
from apim.products.models import Product, ProductItem
from apim.products.services import archive_product, create_product, update_product
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.forms import BaseFormSet
    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.catalog.models import APIVersion
    from apim.console.gate import ConsoleRequest

FACTS = ("display_name", "description", "visibility")


@publisher_page
def product_list(request: ConsoleRequest) -> HttpResponse:
    """My products with their plans and subscribers."""
    query, is_archived = request.GET.get("q", "").strip(), request.GET.get("archived") == "1"
    products = products_of(request.user).filter(archived_at__isnull=not is_archived)
    if query:
        products = products.filter(Q(name__icontains=query) | Q(display_name__icontains=query))
    live = Count("subscriptions", filter=Q(subscriptions__lifecycle__in=Subscription.LIVE), distinct=True)
    items = ProductItem.objects.select_related("version__api")
    named = Prefetch("items", items.only("product_id", "operations", "version__name", "version__api__name"))
    rows = products.annotate(subscribers=live).prefetch_related("plans", named).order_by("name")
    return page(
        request, "console/products/list.html", rows=listing(request, rows), query=query, is_archived=is_archived
    )


@publisher_page
def product_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """What is in a product, its plans and who subscribed."""
    product = get_object_or_404(products_of(request.user).select_related("organization"), name=name)
    items = list(product.items.select_related("version__api"))
    subscriptions = Subscription.objects.visible_to(request.user).filter(product=product).live().with_names()
    return page(
        request,
        "console/products/page.html",
        product=product,
        items=previews_of([(item.version, item.operations) for item in items]),
        plans=product.plans.prefetch_related("versions").order_by("productplan__position"),
        rows=listing(request, subscriptions.prefetch_related("applications")),
        problems=problems_of({product.id}),
        can_edit=_can_edit(request.user, product),
    )


@publisher_page
def product_new(request: ConsoleRequest) -> HttpResponse:
    """A product in one page: facts, contents, plans; what the patterns match is shown before it is made."""
    form = ProductForm(posted(request), user=request.user)
    items = ItemFormSet(posted(request), prefix="items", form_kwargs={"user": request.user})
    if request.method == "POST" and _is_final(request) and form.is_valid() and items.is_valid():
        with errors_on(form):
            data = {key: form.cleaned_data[key] for key in (*FACTS, "name", "organization", "plans")}
            product = create_product(
                **{**data, "plans": list(data["plans"])}, items=_items(items), by=actor_of(request.user)
            )
            messages.success(request, gettext("%(product)s is offered.") % {"product": product.display_name})
            return redirect("console:product", product.name)
    return page(
        request, "console/products/edit.html", form=form, items=_grown(request, items), previews=_previews(items)
    )


@publisher_page
def product_edit(request: ConsoleRequest, name: str) -> HttpResponse:
    """Facts, contents and plans of a product."""
    product = _find_to_edit(request.user, name)
    form = ProductForm(posted(request), instance=copy(product), user=request.user)
    initial = [{"version": item.version_id, "operations": item.operations} for item in product.items.all()]
    kwargs = {"user": request.user, "product": product}
    items = ItemFormSet(posted(request), prefix="items", initial=initial, form_kwargs=kwargs)
    if request.method == "POST" and _is_final(request) and form.is_valid() and items.is_valid():
        with errors_on(form):
            changes = {key: form.cleaned_data[key] for key in FACTS}
            changes |= {"plans": list(form.cleaned_data["plans"]), "items": _items(items)}
            update_product(product=product, changes=changes, by=actor_of(request.user))
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:product", product.name)
    return page(
        request, "console/products/edit.html", product=product, form=form, items=_grown(request, items),
        previews=_previews(items),
    )  # fmt: skip


@publisher_page
def product_archive(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then takes the product off the portal."""
    product = _find_to_edit(request.user, name)
    subscribers = Subscription.objects.filter(product=product).live().count()
    confirmation = Confirmation(
        title=gettext("Archive %(product)s?") % {"product": product.display_name},
        consequences=(
            ngettext("%(count)d live subscription to it.", "%(count)d live subscriptions to it.", subscribers)
            % {"count": subscribers},
            gettext("Nobody can subscribe to it any more."),
        ),
        verb=gettext("Archive it"),
        back=reverse("console:products"),
        done=gettext("%(product)s is archived.") % {"product": product.display_name},
    )
    return confirm(request, confirmation, lambda _, by: archive_product(product=product, by=by))


def _is_final(request: ConsoleRequest) -> bool:
    """True for Save; Preview and Add only draw the page again."""
    return not {"preview", "add"} & request.POST.keys()


def _items(items: BaseFormSet) -> list[tuple[APIVersion, list[str]]]:
    return [(row["version"], row["operations"]) for row in items.cleaned_data if row.get("version")]


def _previews(items: BaseFormSet) -> list[Preview]:
    return previews_of(_items(items)) if items.is_bound and items.is_valid() else []


def _grown(request: ConsoleRequest, items: BaseFormSet) -> BaseFormSet:
    """The rows, with an empty one more when that was asked for."""
    if "add" not in request.POST:
        return items
    data = request.POST.copy()
    data["items-TOTAL_FORMS"] = str(items.total_form_count() + 1)
    return ItemFormSet(data, prefix="items", form_kwargs=items.form_kwargs)


def _can_edit(user: User, product: Product) -> bool:
    return Product.objects.editable_by(user).filter(pk=product.pk).exists()


def _find_to_edit(user: User, name: str) -> Product:
    product: Product = get_object_or_404(products_of(user), name=name)
    if not _can_edit(user, product):
        raise Forbidden(
            "console.not_yours",
            gettext("You may see this product, not change it."),
            hint=gettext("Ask one of its owners."),
        )
    return product
