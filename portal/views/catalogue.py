"""The catalogue, an API's overview, a product's plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Case, Prefetch, Q, When
from django.shortcuts import get_object_or_404

from apim.catalog.models import API, APIVersion
from apim.ui.timeline import Life
from portal.offers import offered_products, opened_items, plan_offers
from portal.rendering import page

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from apim.accounts.models import User


def show_catalogue(request: HttpRequest) -> HttpResponse:
    """The APIs that can be called, narrowed by words and by team."""
    words = request.GET.get("q", "").strip()
    team = request.GET.get("team", "")
    apis = callable_apis(request.user)
    teams = sorted(set(apis.exclude(team="").order_by().values_list("team", flat=True)))
    for word in words.split():
        apis = apis.filter(Q(name__icontains=word) | Q(display_name__icontains=word) | Q(description__icontains=word))
    if team:
        apis = apis.filter(team=team)
    context = {"section": "apis", "apis": apis, "words": words, "team": team, "teams": teams}
    return page(request, "portal/catalogue.html", context, "portal/_catalogue_results.html")


def show_api(request: HttpRequest, api_name: str) -> HttpResponse:
    """One API: what it is, its versions, the products that open it."""
    api = get_object_or_404(_with_versions(API.objects.visible_to(request.user)), name=api_name)
    versions: list[APIVersion] = api.shown_versions  # type: ignore[attr-defined]  # _with_versions adds it
    products = offered_products(request.user).filter(items__version__in=versions).distinct()
    lives = [
        Life(each.name, each.state, each.published_at, each.deprecated_at, each.sunset_at)
        for each in versions
        if each.published_at
    ]
    context = {
        "section": "apis",
        "trail": [("APIs", "/"), (api.display_name, "")],
        "api": api,
        "versions": versions,
        "lives": lives,
        "offers": [(product, plan_offers(product)) for product in products],
    }
    return page(request, "portal/api.html", context)


def show_product(request: HttpRequest, product_name: str) -> HttpResponse:
    """One product: what it opens and what its plans grant."""
    product = get_object_or_404(offered_products(request.user), name=product_name)
    context = {
        "section": "apis",
        "trail": [("APIs", "/"), (product.display_name, "")],
        "product": product,
        "items": opened_items(product),
        "offers": plan_offers(product),
    }
    return page(request, "portal/product.html", context)


def callable_apis(user: User | AnonymousUser) -> QuerySet[API]:
    """What the catalogue shows to somebody."""
    return _with_versions(API.objects.visible_to(user).active())


def _with_versions(apis: QuerySet[API]) -> QuerySet[API]:
    """The APIs that have a version to call, each with `shown_versions`: those to begin with, then by age."""
    is_deprecated = Case(When(state=APIVersion.State.DEPRECATED, then=1), default=0)
    shown = APIVersion.objects.callable().select_related("successor")
    shown = shown.order_by(is_deprecated, "-published_at", "-name")
    return (
        apis.filter(versions__state__in=APIVersion.CALLABLE)
        .distinct()
        .select_related("organization")
        .prefetch_related(Prefetch("versions", shown, to_attr="shown_versions"))
    )
