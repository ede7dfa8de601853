"""The console's first page: how my APIs do and what waits for me."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F, Max, Prefetch, Q
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.accounts.models import team_shown
from apim.catalog.models import API, APIVersion
from apim.catalog.namesakes import told_apart
from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.problems import problems_of
from apim.console.scope import apis_of, owned_organizations, products_of
from apim.console.views.alerts import firing_rows, firings_of
from apim.usage import reports, version_reports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.console.gate import ConsoleRequest

SHOWN_APIS = 12
SHOWN_APPROVALS = 5
SHOWN_FIRINGS = 5
SPAN = timedelta(hours=24)
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Health:
    """An API with its traffic of the span."""

    api: API
    versions: Sequence[APIVersion]
    calls: int
    refused: int
    errors: int
    line: Sequence[int]


class FirstStep(NamedTuple):
    """A step on the way to the first call. Shapes: url is "" while an earlier step is missing."""

    title: str
    text: str
    url: str
    is_done: bool


@publisher_page
def home(request: ConsoleRequest) -> HttpResponse:
    """My APIs with their traffic, approvals waiting, versions that stop soon."""
    apis = apis_of(request.user).filter(archived_at=None)
    ordered = Prefetch("versions", APIVersion.objects.order_by("name"))
    shown = list(apis.annotate(team_shown=team_shown()).prefetch_related(ordered)[:SHOWN_APIS])
    waiting = Subscription.objects.decidable_by(request.user).filter(lifecycle=Subscription.Lifecycle.PENDING)
    ids = {api.id for api in shown} | {version.id for api in shown for version in api.versions.all()}
    return page(
        request,
        "console/home.html",
        health=health_of(shown),
        api_count=apis.count(),
        waiting=waiting.select_related("organization", "product", "plan_version__plan").order_by("created_at")[
            :SHOWN_APPROVALS
        ],
        unpublished=_unpublished(request.user, shown),
        stopping=APIVersion.objects.filter(api__in=shown, state=APIVersion.State.DEPRECATED, sunset_at__isnull=False)
        .select_related("api")
        .order_by("sunset_at"),
        problems=problems_of(ids),
        firing=firing_rows(firings_of(request.user).filter(resolved_at=None)[:SHOWN_FIRINGS]),
        first_steps=_first_steps(request.user, shown),
    )


def _first_steps(user: User, apis: Sequence[API]) -> list[FirstStep]:
    """The way from nothing to a first call; empty once somebody called."""
    versions = [version for api in apis for version in api.versions.all()]
    if version_reports.has_calls([version.id for version in versions], reports.last(MONTH)):
        return []
    live = [version for version in versions if version.state in APIVersion.CALLABLE]
    offers = products_of(user).filter(archived_at=None, organization__in=owned_organizations(user))
    draft = next((version for version in versions if version not in live), None)
    publish = reverse("console:version", args=[draft.api.name, draft.name]) if draft else ""
    return [
        FirstStep(
            gettext("Add an API"),
            gettext("Upload its OpenAPI file, name a URL, or give only the address of the service."),
            reverse("console:api-new"),
            bool(apis),
        ),
        FirstStep(
            gettext("Publish a version"),
            gettext("Gateways answer for it within a second; without a key they say 401."),
            publish,
            bool(live),
        ),
        FirstStep(
            gettext("Offer it in a product"),
            gettext("A product bundles versions with plans: how many calls, how fast, approved by whom."),
            reverse("console:product-new") if apis else "",
            offers.exists(),
        ),
        FirstStep(
            gettext("Make the first call"),
            gettext("Take a key in the portal, as a developer would, and send a call from there."),
            reverse("portal:catalogue") if live else "",
            is_done=False,
        ),
    ]


def _unpublished(user: User, apis: Sequence[API]) -> QuerySet[APIVersion]:
    """Versions whose newest revision no gateway was sent."""
    versions = APIVersion.objects.editable_by(user).filter(api__in=apis).exclude(state=APIVersion.State.RETIRED)
    numbers = versions.annotate(newest=Max("revisions__number"), running=Max("deployments__revision__number"))
    waiting = numbers.filter(Q(newest__gt=F("running")) | Q(running=None, newest__gt=0))
    return waiting.select_related("api").order_by("api__name", "name")


def health_of(apis: Sequence[API]) -> list[Health]:
    """The traffic of each API; a fixed number of queries. Shapes: versions are prefetched."""
    span = reports.last(SPAN)
    ids = [version.id for api in apis for version in api.versions.all()]
    totals = version_reports.totals_by_version(ids, span)
    lines = version_reports.calls_by_version(ids, span)
    return [_health(api, totals, lines) for api in told_apart(apis)]


def _health(api: API, totals: dict[str, version_reports.VersionTotals], lines: dict[str, list[int]]) -> Health:
    versions = list(api.versions.all())
    sums = [totals[version.id] for version in versions]
    return Health(
        api=api,
        versions=versions,
        calls=sum(each.calls for each in sums),
        refused=sum(each.refused for each in sums),
        errors=sum(each.errors for each in sums),
        line=[sum(step) for step in zip(*(lines[version.id] for version in versions), strict=True)],
    )
