"""Comparison of two sides: versions, plans, or stretches of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import User
from apim.analytics import reading
from apim.analytics.figures import Ends, Spread, Step, change_of
from apim.analytics.questions import Question
from apim.analytics.windows import Window, between
from apim.console.insight.figures import SHARES, Cell, Figure, Key, axis_of, marks_of, note_of, percent, stamp
from apim.console.insight.filters import Asked, moment_of
from apim.console.insight.marks import happenings_of
from apim.console.insight.names import Versions
from apim.console.insight.tables import change_cell
from apim.console.scope import plans_of
from apim.listing import enumerated, labelled
from apim.ui.plots import Series, lines

KINDS: dict[str, str | Promise] = {"versions": _("Versions"), "plans": _("Plans"), "times": _("Times")}
_PROPOSED = 200


class Side(NamedTuple):
    """One of the two that are compared."""

    name: str
    question: Question
    window: Window


def kind_of(asked: Asked) -> str:
    """What is compared: versions unless the URL names something else."""
    wanted = asked.params.get("kind", "")
    return wanted if wanted in KINDS else "versions"


def choices(asked: Asked, user: User) -> list[tuple[str, str]]:
    """What can be chosen for a side, (value, words); none for times."""
    match kind_of(asked):
        case "plans":
            return list(plans_of(user).values_list("name", "display_name")[:_PROPOSED])
        case "times":
            return []
    shown = [each for each in asked.versions.values() if asked.api in {"", each.api}]
    return [(f"{each.api}/{each.name}", str(each)) for each in shown[:_PROPOSED]]


def sides(asked: Asked, user: User) -> tuple[Side, Side] | None:
    """The two sides; None until both are chosen and seen by the person."""
    kind = kind_of(asked)
    if kind == "times":
        return _times(asked)
    found = [_side(asked, user, kind, asked.params.get(name, "")) for name in ("a", "b")]
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def compared(asked: Asked, first: Side, second: Side) -> list[Figure]:
    """The numbers of both sides beside one another, and their calls over time."""
    steps = reading.steps(first.question, first.window), reading.steps(second.question, second.window)
    ends = _sum(steps[0]), _sum(steps[1])
    spreads = _spread(first), _spread(second)
    rows: list[list[Cell]] = [
        _row(gettext("Calls"), ends[0].calls, ends[1].calls),
        _row(gettext("4xx %"), percent(ends[0].client_share), percent(ends[1].client_share)),
        _row(gettext("4xx of the gateway"), ends[0].refused, ends[1].refused),
        _row(gettext("5xx %"), percent(ends[0].server_share), percent(ends[1].server_share)),
        _row(gettext("5xx of the gateway"), ends[0].unreached, ends[1].unreached),
    ]
    if spreads[0] is not None and spreads[1] is not None:
        rows += [
            _row(f"{word} (ms)", spreads[0].within(share), spreads[1].within(share)) for share, word, _css in SHARES
        ]
    table = Figure(
        key="compared",
        title=gettext("%(first)s beside %(second)s") % {"first": first.name, "second": second.name},
        note=note_of(asked, gettext("The change is from the first to the second")),
        headers=[gettext("Number"), first.name, second.name, gettext("Change %")],
        rows=rows,
    )
    return [table, _over_time(asked, (first, second), steps)]


def _over_time(asked: Asked, both: tuple[Side, Side], steps: tuple[list[Step], list[Step]]) -> Figure:
    """Both lines over the axis of the second, whose window is the page's: a part brushed out of it is of that one."""
    shown, beside = both[1].window, both[0].window
    values: list[list[int | None]] = [[step.ends.calls for step in row[: len(steps[1])]] for row in steps]
    values[0] += [None] * (len(steps[1]) - len(values[0]))
    axis = axis_of(shown)
    if beside.since != shown.since:
        axis = axis._replace(beside=beside.since)
    happenings = happenings_of(asked, _version_ids(both), shown)
    title = gettext("Calls over time")
    sentence = labelled(
        title, enumerated(f"{side.name} {_sum(row).calls:,}" for side, row in zip(both, steps, strict=True))
    )
    return Figure(
        key="over-time",
        title=title,
        note=note_of(asked, gettext("Calls")),
        headers=[gettext("From (UTC)"), both[0].name, both[1].name],
        rows=[[stamp(step.at), values[0][place], values[1][place]] for place, step in enumerate(steps[1])],
        picture=lines(
            axis,
            [Series("line-1", both[0].name, values[0]), Series("line-2", both[1].name, values[1])],
            sentence,
            marks_of(shown, happenings),
        ),
        legend=[Key("line-1", "circle", both[0].name), Key("line-2", "circle-dashed", both[1].name)],
        happenings=happenings,
    )


def _version_ids(both: tuple[Side, Side]) -> set[str] | None:
    """The versions of either side; None for all."""
    first, second = (side.question.version_ids for side in both)
    return None if first is None or second is None else {*first, *second}


def _times(asked: Asked) -> tuple[Side, Side]:
    """The window, and the one that begins at a_from; without it the one right before."""
    window = asked.window
    length = window.step * len(window.starts())
    start = moment_of(asked.params.get("a_from", "")) or window.since - length
    first = between(start, start + (window.until - window.since), window.until)
    if (first.period, first.size) != (window.period, window.size):  # so far back that finer ones are gone
        first = Window(start - (start - window.since) % window.step, start + length, window.period, window.size)
    return (
        Side(f"{stamp(first.since)} +", asked.question, first),
        Side(f"{stamp(window.since)} +", asked.question, window),
    )


def _side(asked: Asked, user: User, kind: str, value: str) -> Side | None:
    if kind == "plans":
        plan = plans_of(user).filter(name=value).values_list("id", "display_name").first()
        return Side(plan[1], asked.question.of(plan_id=plan[0]), asked.window) if plan else None
    found = _by_words(asked.versions).get(value)
    return Side(value.replace("/", " "), asked.question.of(version_ids=[found]), asked.window) if found else None


def _by_words(versions: Versions) -> Mapping[str, str]:
    return {f"{each.api}/{each.name}": each.id for each in versions.values()}


def _spread(side: Side) -> Spread | None:
    return reading.spread(side.question, side.window.now()) if side.question.has_latency else None


def _sum(steps: list[Step]) -> Ends:
    return sum((step.ends for step in steps), Ends())


def _row(words: str, first: float | None, second: float | None) -> list[Cell]:
    return [words.strip(), first, second, change_cell(change_of(second, first))]
