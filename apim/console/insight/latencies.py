"""How long calls took: the heat map, and what is slow."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext, ngettext

from apim.analytics import reading
from apim.analytics.figures import Spread, all_of, change_of
from apim.console.insight.figures import SHARES, Figure, Key, Link, axis_of, marks_of, note_of, stamp
from apim.console.insight.filters import Asked
from apim.console.insight.marks import Happening
from apim.console.insight.tables import SHOWN, change_cell
from apim.listing import enumerated, labelled
from apim.ui.heatmap import LEVELS, Band, heatmap
from apim.ui.templatetags.formats import duration_us, milliseconds
from apim.usage.histogram import EDGES_US

_BUCKETS_A_BAND = 4  # twice as long from a band to the next: 1.2 to the fourth


def heat(asked: Asked, spreads: Sequence[Spread], happenings: Sequence[Happening] = ()) -> Figure:
    """Calls by how long they took, over time; bands without any call at both ends are left out."""
    bands = _bands(spreads)
    whole = all_of(spreads)
    title = gettext("Calls by how long they took")
    parts = [f"{word} {milliseconds(whole.within(share))}" for share, word, _ in SHARES]
    axis = axis_of(asked.window)
    told = [
        ngettext(
            "%(calls)s call, half within %(half)s, 95 of 100 within %(most)s",
            "%(calls)s calls, half within %(half)s, 95 of 100 within %(most)s",
            each.calls,
        )
        % {"calls": each.calls, "half": milliseconds(each.within(0.5)), "most": milliseconds(each.within(0.95))}
        for each in spreads
    ]
    most = max((calls for band in bands for calls in band.calls), default=0)
    legend = [
        Key("heat-1", "circle", gettext("few calls")),
        Key("heat-3", "circle-dot", gettext("more")),
        Key(f"heat-{LEVELS}", "chart-column", gettext("most: %(calls)s in one field") % {"calls": f"{most:,}"}),
    ]
    return Figure(
        key="heat",
        title=title,
        note=note_of(asked, gettext("Duration upwards, doubling from row to row; darker is more calls")),
        headers=[gettext("From (UTC)"), *(gettext("up to %(time)s") % {"time": band.label} for band in bands)],
        rows=[
            [stamp(at), *(band.calls[place] for band in bands)] for place, at in enumerate(asked.window.starts())
        ],
        picture=heatmap(
            axis, bands, told, labelled(title, enumerated(parts)), marks=marks_of(asked.window, happenings)
        ),
        legend=legend,
        happenings=happenings,
    )  # fmt: skip


def by_operation(asked: Asked) -> Figure:
    """The operations, the slowest by the 95th percentile first."""
    now = reading.spreads_by(asked.question, asked.window.now(), "operation")
    before = reading.spreads_by(asked.question, asked.window.before(), "operation")
    slowest = sorted(now, key=lambda key: -(now[key].within(0.95) or 0))[: asked.rows_of("slowest", SHOWN)]
    return Figure(
        key="slowest",
        title=gettext("Operations, the slowest first"),
        note=note_of(asked, gettext("Milliseconds, beside as long a time before")),
        headers=[
            gettext("Operation"), gettext("Calls timed"), "p50 (ms)", "p95 (ms)", "p99 (ms)", gettext("p95 change %"),
        ],
        rows=[
            [
                Link(key or gettext("none"), asked.with_value("operation", key)),
                now[key].calls,
                *(now[key].within(share) for share, _, _ in SHARES),
                change_cell(change_of(now[key].within(0.95), before.get(key, Spread()).within(0.95))),
            ]
            for key in slowest
        ],
        empty=gettext("No calls in this time."),
    )  # fmt: skip


def _bands(spreads: Sequence[Spread]) -> list[Band]:
    used = [bucket // _BUCKETS_A_BAND for each in spreads for bucket, calls in each.buckets.items() if calls]
    if not used:
        return []
    found = []
    for number in range(min(used), max(used) + 1):
        buckets = range(number * _BUCKETS_A_BAND, (number + 1) * _BUCKETS_A_BAND)
        edge = EDGES_US[min(buckets[-1], len(EDGES_US) - 1)]
        calls = [sum(each.buckets.get(bucket, 0) for bucket in buckets) for each in spreads]
        found.append(Band(duration_us(edge), calls))
    return found
