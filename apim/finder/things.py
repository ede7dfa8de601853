"""Objects by words: what the person may see, from the querysets that pages use. One query a kind, whatever there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Case, Q, Value, When
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.models import Application
from apim.accounts.models import Organization, Team, User
from apim.catalog.models import API
from apim.catalog.searching import LONGEST_TERM, MOST_WORDS, find_apis
from apim.console.scope import apis_of, plans_of, products_of, versions_of
from apim.finder.answers import Hit, words_of
from apim.gateways.models import Gateway
from apim.usage.reports import find_request
from portal.offers import offered_products
from portal.views.catalogue import callable_apis

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apim.accounts.models import Viewer
    from portal.tenancy import Tenancy

EACH: Final = 5  # hits of a kind: who wants more goes to its list
_TITLES: Final = ("name", "display_name")
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8,16}")  # as gateways make them


def things(text: str, user: Viewer, tenancy: Tenancy) -> tuple[Hit, ...]:
    """The objects that have every word in their names; none for no words."""
    words = words_of(text[:LONGEST_TERM])[:MOST_WORDS]
    if not words:
        return ()
    # Found first, by themselves: PostgreSQL takes such a search for one hit, and joins row by row.
    apis = list(find_apis(API.objects.order_by(), " ".join(words)).values_list("pk", flat=True))
    found = [*_call(text.strip(), user, tenancy)] if isinstance(user, User) else []
    if isinstance(user, User) and tenancy.may_publish:
        found += _console(words, apis, user)
    if tenancy.is_admin:
        found += _platform(words, user)
    return (*found, *_portal(words, apis, user, tenancy))


def _call(text: str, user: User, tenancy: Tenancy) -> Iterator[Hit]:
    """The call whose id was pasted: people come with nothing else from a log or a support case."""
    if not _REQUEST_ID.fullmatch(text) or (record := find_request(text, user)) is None:
        return
    place = "console:request" if tenancy.may_publish else "portal:request"
    label = f"{record.operation or record.path} {record.status}"
    yield Hit(label, reverse(place, args=[record.request_id]), "route", gettext("Request"))


def _console(words: tuple[str, ...], found: list[str], user: User) -> Iterator[Hit]:
    apis = apis_of(user).filter(pk__in=found)
    yield from _hits(_first(apis, words), lambda row: reverse("console:api", args=[row.name]), "braces", gettext("API"))
    versions = _named(versions_of(user), words, ("name", "api__name", "api__display_name"))
    yield from _hits(
        versions.order_by("api__name", "-name")[:EACH],
        lambda row: reverse("console:version", args=[row.api.name, row.name]),
        "git-branch",
        gettext("Version"),
    )
    products, plans = _named(products_of(user), words), _named(plans_of(user), words)
    yield from _hits(
        _first(products, words), lambda row: reverse("console:product", args=[row.name]), "package", gettext("Product")
    )
    yield from _hits(
        _first(plans, words), lambda row: reverse("console:plan", args=[row.name]), "gauge", gettext("Plan")
    )


def _platform(words: tuple[str, ...], user: Viewer) -> Iterator[Hit]:
    organizations = _named(Organization.objects.visible_to(user), words)
    yield from _hits(
        _first(organizations, words),
        lambda row: reverse("console:admin-organization", args=[row.name]),
        "building-2",
        gettext("Organization"),
    )
    people = _named(User.objects.visible_to(user), words, ("name", "email")).order_by("email")[:EACH]
    yield from _hits(people, lambda row: reverse("console:admin-user", args=[row.pk]), "user", gettext("Person"))
    gateways = _named(Gateway.objects.visible_to(user), words, ("name", "host")).order_by("name")[:EACH]
    yield from _hits(
        gateways,
        lambda row: reverse("console:admin-gateways") + f"#gateway-{row.name}",
        "server",
        gettext("Gateway"),
    )


def _portal(words: tuple[str, ...], found: list[str], user: Viewer, tenancy: Tenancy) -> Iterator[Hit]:
    apis = callable_apis(user).filter(pk__in=found)
    yield from _hits(
        _first(apis.prefetch_related(None), words),
        lambda row: reverse("portal:api", args=[row.name]),
        "book-open",
        gettext("API in the portal"),
    )
    products = _named(offered_products(user), words).prefetch_related(None)
    yield from _hits(
        _first(products, words),
        lambda row: reverse("portal:product", args=[row.name]),
        "package",
        gettext("Product in the portal"),
    )
    if tenancy.memberships or tenancy.is_admin:
        applications = _named(Application.objects.visible_to(user), words).select_related("organization")
        yield from _hits(
            _first(applications, words),
            lambda row: reverse("portal:application", args=[row.pk]),
            "box",
            gettext("Application"),
        )
        teams = _named(Team.objects.visible_to(user), words).select_related("organization")
        yield from _hits(
            _first(teams, words), lambda row: reverse("portal:team", args=[row.pk]), "boxes", gettext("Team")
        )


def _named(rows: QuerySet[Any], words: tuple[str, ...], fields: tuple[str, ...] = _TITLES) -> QuerySet[Any]:
    """The rows that have each word in one of the fields."""
    for word in words:
        condition = Q()
        for field in fields:
            condition |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(condition)
    return rows


def _first(rows: QuerySet[Any], words: tuple[str, ...]) -> QuerySet[Any]:
    """Some of the rows: those whose name begins with the first word before others."""
    begins = Q(name__istartswith=words[0]) | Q(display_name__istartswith=words[0])
    later = Case(When(begins, then=Value(0)), default=Value(1))
    ordered: QuerySet[Any] = rows.annotate(later=later).order_by("later", "name")
    return ordered[:EACH]


def _hits(rows: QuerySet[Any], url: Callable[[Any], str], icon: str, kind: str) -> Iterator[Hit]:
    for row in rows:
        name = getattr(row, "name", "")
        label = str(row)
        detail = f"{kind} · {name}" if name and name != label else kind
        yield Hit(label, url(row), icon, detail)
