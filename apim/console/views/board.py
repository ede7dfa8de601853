"""The life-cycle board: every version as a card in the column of its state, with the moves that it may make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Max, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.catalog.models import API, APIVersion
from apim.catalog.services.versions import NEXT_STATES
from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.scope import versions_of
from apim.usage import reports, version_reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

State = APIVersion.State
CARDS_A_COLUMN: Final = 50
SPAN: Final = timedelta(days=7)

COLUMNS: Final = (
    (State.DRAFT, gettext_lazy("Draft")),
    (State.REVIEW, gettext_lazy("Review")),
    (State.PUBLISHED, gettext_lazy("Published")),
    (State.DEPRECATED, gettext_lazy("Deprecated")),
    (State.RETIRED, gettext_lazy("Retired")),
    (State.BLOCKED, gettext_lazy("Blocked")),
)
# From a state to another: the page that asks, with what follows, and does it.
_PAGES: Final[Mapping[tuple[str, str], str]] = {
    (State.DRAFT, State.REVIEW): "version-submit",
    (State.DRAFT, State.PUBLISHED): "version-publish",
    (State.REVIEW, State.DRAFT): "version-return",
    (State.REVIEW, State.PUBLISHED): "version-publish",
    (State.PUBLISHED, State.DEPRECATED): "version-deprecate",
    (State.PUBLISHED, State.BLOCKED): "version-block",
    (State.DEPRECATED, State.PUBLISHED): "version-reinstate",
    (State.DEPRECATED, State.RETIRED): "version-retire",
    (State.DEPRECATED, State.BLOCKED): "version-block",
}


@dataclass(frozen=True, slots=True)
class Move:
    """Where a card may go. Shapes: url is the page that names the consequences and does it."""

    state: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """A version on the board. Shapes: calls of the last seven days."""

    version: APIVersion
    calls: int
    moves: Sequence[Move]


@dataclass(frozen=True, slots=True)
class Column:
    """A state and its cards; left_out = cards beyond those that are shown."""

    state: str
    label: str
    cards: Sequence[Card]
    left_out: int


@publisher_page
def board(request: ConsoleRequest) -> HttpResponse:
    """The columns; ?api= narrows them to one API."""
    rows = versions_of(request.user).filter(api__archived_at=None)
    chosen = request.GET.get("api", "")
    if chosen:
        rows = rows.filter(api__name=chosen)
    editable = set(API.objects.editable_by(request.user).filter(versions__in=rows).values_list("pk", flat=True))
    columns = _columns(rows, editable)
    names = versions_of(request.user).filter(api__archived_at=None).values_list("api__name", flat=True)
    return page(
        request,
        "console/board.html",
        columns=columns,
        count=sum(len(column.cards) + column.left_out for column in columns),
        chosen=chosen,
        names=sorted(set(names)),
    )


def _columns(rows: QuerySet[APIVersion], editable: set[str]) -> list[Column]:
    """The columns with the cards that changed last; the same number of queries for any number of cards."""
    found = {
        state: list(rows.filter(state=state).annotate(newest=Max("revisions__number")).order_by("-updated_at")[
            : CARDS_A_COLUMN + 1
        ])
        for state, _label in COLUMNS
    }  # fmt: skip
    shown = [version for versions in found.values() for version in versions[:CARDS_A_COLUMN]]
    totals = version_reports.totals_by_version([version.pk for version in shown], reports.last(SPAN))
    left = {state: rows.filter(state=state).count() - CARDS_A_COLUMN if len(found[state]) > CARDS_A_COLUMN else 0
            for state in found}  # fmt: skip
    return [
        Column(
            state,
            str(label),
            [
                Card(version, totals[version.pk].calls, moves_of(version) if version.api_id in editable else ())
                for version in found[state][:CARDS_A_COLUMN]
            ],
            left[state],
        )
        for state, label in COLUMNS
    ]


def moves_of(version: APIVersion) -> list[Move]:
    """Where the version may go from its state."""
    names = [version.api.name, version.name]
    labels = dict(COLUMNS)
    if version.state == State.BLOCKED:
        to = State.DEPRECATED if version.deprecated_at else State.PUBLISHED
        return [Move(to, _("Unblock"), reverse("console:version-unblock", args=names))]
    return [
        Move(state, str(labels[State(state)]), reverse(f"console:{page}", args=names))
        for state in NEXT_STATES[version.state]
        if (page := _PAGES.get((version.state, state)))
    ]
