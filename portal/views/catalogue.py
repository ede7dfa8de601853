"""The catalogue, an API's overview, a product's plans."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.db.models import Case, Exists, OuterRef, Prefetch, When
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.catalog.models import API, APIVersion, Follow, Guide
from apim.catalog.namesakes import told_apart
from apim.catalog.services.interest import follow_api, note_missed_search, unfollow_api
from apim.demo.services import counts_for
from apim.errors import Conflict
from apim.gateways.services import default_environment
from apim.onboarding.bounds import MISSED_SEARCHES, address_of, take
from apim.onboarding.funnel import usual_way_s
from apim.onboarding.journeys import count_view
from apim.ui.ranges import with_old_ranges
from apim.ui.timeline import Life
from apim.usage.uptime import service_of
from portal.changelog import entry_of, told
from portal.discovery import narrowed, page_of, price_from, prices_from, read_filters, topics_of
from portal.offers import offered_products, opened_items, plan_offers
from portal.rendering import page
from portal.samples import sandbox_calls
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from apim.accounts.models import User


SPANS: Final = (30, 90)  # days that the strip of an API may show
ENTRIES_A_TEASER: Final = 3
MOST_PROMISED_MIN: Final = 10


def show_catalogue(request: HttpRequest) -> HttpResponse:
    """The APIs that can be called, narrowed by words, category, tag, state and team, a page at a time."""
    filters = read_filters(request.GET, request.user)
    apis = callable_apis(request.user)
    topics = topics_of(apis)
    rows = page_of(narrowed(apis, filters, request.user), request.GET.get("page"))
    prices = prices_from(rows, request.user)
    is_missed = bool(filters.words) and not rows and not filters.has_more_than_words
    if is_missed and request.method == "GET":
        with suppress(Conflict):  # who searches for very much that is not there is no longer counted
            take("missed-search", address_of(request), MISSED_SEARCHES)
            note_missed_search(filters.words)
    context = {
        "section": "apis",
        "rows": rows,
        "filters": filters,
        "topics": topics,
        "cards": [(api, prices.get(api.pk, "")) for api in told_apart(rows)],
        "usual_way_min": _usual_way_min(),
        "suggestions": topics.near(filters.words) if is_missed else [],
    }
    return page(request, "portal/catalogue.html", context, "portal/_catalogue_results.html")


@with_old_ranges
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
    offers = [(product, plan_offers(product)) for product in products]
    days = SPANS[1] if request.GET.get("range") == f"{SPANS[1]}d" else SPANS[0]
    ids = [version.pk for version in versions]
    environment = default_environment()
    context = {
        "section": "apis",
        "trail": [(_("APIs"), "/"), (api.display_name, "")],
        "api": api,
        "versions": versions,
        "lives": lives,
        "offers": offers,
        "price": price_from(plans) if (plans := [plan for _, found in offers for plan in found]) else "",
        "service": service_of(ids, environment_id=environment.pk, days=days),
        "is_of_demo": counts_for(ids, environment_id=environment.pk),
        "days": days,
        "spans": SPANS,
        "guides": published_guides(api),
        "news": [entry_of(revision) for revision in told(versions)[:ENTRIES_A_TEASER]],
        "is_followed": Follow.objects.visible_to(request.user).filter(api=api).exists(),
        "tryable": sandbox_calls(versions[:1], environment)[:1],
    }
    count_view(api)
    return page(request, "portal/api.html", context)


@my_page
def follow(request: PortalRequest, api_name: str) -> HttpResponse:
    """Follow the API, or no longer: `follow=1` or `follow=0`. Who had to log in first lands on the API's page."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    if request.method != "POST":
        return redirect("portal:api", api.name)
    if request.POST.get("follow") == "0":
        unfollow_api(api=api, user=request.user)
        messages.success(request, _("You no longer follow %(api)s.") % {"api": api.display_name})
    else:
        follow_api(api=api, user=request.user)
        messages.success(
            request, _("You hear of new versions and deprecations of %(api)s.") % {"api": api.display_name}
        )
    return redirect("portal:api", api.name)


def show_product(request: HttpRequest, product_name: str) -> HttpResponse:
    """One product: what it opens and what its plans grant."""
    product = get_object_or_404(offered_products(request.user), name=product_name)
    context = {
        "section": "apis",
        "trail": [(_("APIs"), "/"), (product.display_name, "")],
        "product": product,
        "items": opened_items(product),
        "offers": plan_offers(product),
    }
    return page(request, "portal/product.html", context)


def _usual_way_min() -> int | None:
    """What the hero says of the way to a first answer, in minutes; None where it was not measured or takes long."""
    seconds = usual_way_s(timezone.now())
    minutes = max(1, math.ceil(seconds / 60)) if seconds is not None else None
    return minutes if minutes is not None and minutes <= MOST_PROMISED_MIN else None


def callable_apis(user: User | AnonymousUser) -> QuerySet[API]:
    """What the catalogue shows to somebody."""
    return _with_versions(API.objects.visible_to(user).active())


def published_guides(api: API) -> QuerySet[Guide]:
    """The guides of an API that readers find, in their order, without their texts."""
    return Guide.objects.filter(api=api).published().only("slug", "title", "api_id").order_by("position", "slug")


def _with_versions(apis: QuerySet[API]) -> QuerySet[API]:
    """The APIs that have a version to call, each with `shown_versions`: those to begin with, then by age."""
    is_deprecated = Case(When(state=APIVersion.State.DEPRECATED, then=1), default=0)
    shown = APIVersion.objects.callable().select_related("successor")
    shown = shown.order_by(is_deprecated, "-published_at", "-name")
    # Not joined: that each is there once would take to compare all that every one of them says.
    with_a_version = Exists(APIVersion.objects.callable().filter(api=OuterRef("pk")))
    return (
        apis.filter(with_a_version)
        .select_related("organization")
        .prefetch_related(Prefetch("versions", shown, to_attr="shown_versions"))
    )
