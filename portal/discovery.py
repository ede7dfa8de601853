"""Finding an API: what the catalogue can be narrowed by, and what each API costs to begin with."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from django.core.paginator import Paginator
from django.db.models import Count

from apim.accounts.models import team_shown
from apim.catalog.models import API, APIVersion, Follow
from apim.catalog.searching import LONGEST_TERM, find_apis, fold
from apim.products.models import ProductItem
from portal.offers import plan_offers, products_on_offer
from portal.words import price_headline

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.core.paginator import Page
    from django.db.models import QuerySet
    from django.http import QueryDict

    from apim.accounts.models import Viewer
    from portal.offers import PlanOffer

APIS_A_PAGE: Final = 24
_MOST_TOPICS: Final = 24
_SUGGESTIONS: Final = 8
_STATES: Final = (APIVersion.State.PUBLISHED, APIVersion.State.DEPRECATED)


@dataclass(frozen=True, slots=True)
class Filters:
    """How a visitor narrows the catalogue, as it stands in the URL; "" narrows nothing."""

    words: str = ""
    category: str = ""
    tag: str = ""
    state: str = ""
    team: str = ""
    is_followed: bool = False

    @property
    def are_set(self) -> bool:
        """True when something is left out."""
        return bool(self.words or self.has_more_than_words)

    @property
    def has_more_than_words(self) -> bool:
        """True when not only words narrow it: that nothing is found is then not the words' fault."""
        return bool(self.category or self.tag or self.state or self.team or self.is_followed)


@dataclass(frozen=True, slots=True)
class Topics:
    """What the APIs one may see are about, the most frequent first.

    Shapes: (name, number of APIs); of a team (name, what people call it, number of APIs).
    """

    categories: list[tuple[str, int]]
    tags: list[tuple[str, int]]
    teams: list[tuple[str, str, int]]

    def near(self, words: str) -> list[str]:
        """Tags to go on with after a search without a hit: those that read like it first."""

        def likeness(name: str) -> float:
            return SequenceMatcher(None, fold(name), fold(words[:LONGEST_TERM])).ratio()

        names = [name for name, _ in self.tags]
        return sorted(names, key=likeness, reverse=True)[:_SUGGESTIONS]


def read_filters(query: QueryDict, user: Viewer) -> Filters:
    """The filters of a URL; an unknown state narrows nothing."""
    state = query.get("state", "")
    return Filters(
        words=query.get("q", "").strip()[:LONGEST_TERM],
        category=query.get("category", ""),
        tag=query.get("tag", ""),
        state=state if state in _STATES else "",
        team=query.get("team", ""),
        is_followed=user.is_authenticated and query.get("followed") == "1",
    )


def topics_of(apis: QuerySet[API]) -> Topics:
    """What the APIs are about. One query."""
    categories, tags, teams = Counter[str](), Counter[str](), Counter[str]()
    called: dict[str, str] = {}
    told = apis.exclude(category="", tags=[], team="").order_by().annotate(called=team_shown())
    for category, its_tags, team, team_called, number in told.values_list(
        "category", "tags", "team", "called", Count("pk")
    ):  # many are about the same
        called[team] = team_called
        categories.update({category: number} if category else {})
        tags.update(dict.fromkeys(its_tags, number))
        teams.update({team: number} if team else {})
    by_team = [(team, called[team], number) for team, number in _sorted(teams)]
    return Topics(_sorted(categories), _sorted(tags), by_team)


def narrowed(apis: QuerySet[API], filters: Filters, user: Viewer) -> QuerySet[API]:
    """The APIs that pass the filters."""
    if filters.words:  # found first, by themselves: PostgreSQL takes such a search for one hit, and joins row by row
        found = find_apis(API.objects.order_by(), filters.words)
        apis = apis.filter(pk__among=list(found.values_list("pk", flat=True)))
    if filters.category:
        apis = apis.filter(category=filters.category)
    if filters.team:
        apis = apis.filter(team=filters.team)
    if filters.tag:  # SQLite cannot look into a list; all tags together are read in one go
        tagged = API.objects.exclude(tags=[]).values_list("pk", "tags")
        apis = apis.filter(pk__among=[pk for pk, tags in tagged if filters.tag in tags])
    if filters.state:
        apis = apis.filter(pk__in=APIVersion.objects.filter(state=filters.state).values("api_id"))
    if filters.is_followed:
        apis = apis.filter(pk__in=Follow.objects.visible_to(user).values("api_id"))
    return apis


def page_of(apis: QuerySet[API], number: str | None) -> Page[API]:
    """A page of the catalogue; the last one for a number too high."""
    return Paginator(apis, APIS_A_PAGE).get_page(number)


def prices_from(apis: Collection[API], user: Viewer) -> dict[str, str]:
    """What each API costs to begin with, by its id: `Free`, `from 29.00 EUR a month`; only those on offer."""
    opened: defaultdict[str, set[str]] = defaultdict(set)
    items = ProductItem.objects.filter(
        version__api__in=[api.pk for api in apis], version__state__in=APIVersion.CALLABLE
    )
    for product_id, api_id in items.values_list("product_id", "version__api_id"):
        opened[product_id].add(api_id)
    offers: dict[str, list[PlanOffer]] = {}
    for product in products_on_offer(user).filter(pk__in=opened):
        for api_id in opened[product.pk]:
            offers.setdefault(api_id, []).extend(plan_offers(product))
    return {api_id: price_from(found) for api_id, found in offers.items() if found}


def price_from(offers: Collection[PlanOffer]) -> str:
    """The price of the cheapest way in."""
    cheapest = min(offers, key=lambda offer: (offer.is_priced, offer.terms.terms.recurring))
    return price_headline(cheapest)


def _sorted(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], fold(item[0])))[:_MOST_TOPICS]
