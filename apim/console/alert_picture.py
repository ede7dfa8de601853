"""What a rule saw over a week, as inline SVG: the value, its limit, and bands where it would have fired. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apim.alerts.judging import MINUTE
from apim.alerts.services import Preview
from apim.ui.charts import nice_ceiling
from apim.ui.templatetags.formats import milliseconds, short_count, short_day

_HEIGHT, _TOP, _BOTTOM = 180, 8, 24
_FRAMES = (
    ("chart--wide", 900, 48, 168, 1),
    ("chart--narrow", 280, 40, 56, 3),
)  # css, width, left, points, days a label
_WIDER = 24  # to the left, where the axis has a unit
_THINNEST = 2.0
_LIMITS = {"error_share": "percent", "latency": "ms", "refusals": "count", "gateway_lag": "seconds"}


def limit_of(kind: str, settings: Mapping[str, float]) -> float | None:
    """The number that a value is compared with; None where it is no single one."""
    return settings[_LIMITS[kind]] if kind in _LIMITS else None


def preview_picture(preview: Preview, kind: str, limit: float | None, summary: str) -> SafeString:
    """The week, drawn for wide and for narrow screens. Shapes: kind is that of the rule."""
    return format_html_join("", "{}", ((_frame(preview, kind, limit, summary, frame=frame),) for frame in _FRAMES))


def _frame(
    preview: Preview, kind: str, limit: float | None, summary: str, *, frame: tuple[str, int, int, int, int]
) -> SafeString:
    css, width, left, points, label_days = frame
    is_of_times = _LIMITS.get(kind) == "ms"
    left += _WIDER if is_of_times else 0
    size = max(1, len(preview.verdicts) // points)
    values = [
        max(
            (verdict.value for verdict in preview.verdicts[start : start + size] if verdict.value is not None),
            default=0.0,
        )
        for start in range(0, len(preview.verdicts), size)
    ]
    top = nice_ceiling(max([*values, (limit or 0) * 1.2, 1]))
    plot = _HEIGHT - _TOP - _BOTTOM
    floor = _HEIGHT - _BOTTOM
    step = (width - left) / max(len(values) - 1, 1)
    line = " ".join(f"{left + i * step:.1f},{floor - value / top * plot:.1f}" for i, value in enumerate(values))
    length = max(len(preview.verdicts), 1)
    bands = []
    for episode in preview.episodes:
        begin = (episode.start - preview.since) / MINUTE
        end = (episode.end - preview.since) / MINUTE if episode.end else length
        x = left + begin / length * (width - left)
        bands.append((f"{x:.1f}", _TOP, f"{max((end - begin) / length * (width - left), _THINNEST):.1f}", plot))
    drawn_limit = SafeString("")
    if limit is not None:
        y = f"{floor - limit / top * plot:.1f}"
        drawn_limit = format_html(
            '<line class="chart__line chart__line--ahead" x1="{}" x2="{}" y1="{}" y2="{}"/>', left, width, y, y
        )
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}<polyline class="chart__line"'
        ' points="{}"/>{}</svg>',
        css,
        width,
        _HEIGHT,
        summary,
        _grid(top, plot, left, width, say=milliseconds if is_of_times else short_count),
        format_html_join("", '<rect class="chart__band" x="{}" y="{}" width="{}" height="{}"/>', bands),
        drawn_limit,
        line,
        _days(preview, left, width, label_days),
    )


def _grid(top: int, plot: float, left: int, width: int, *, say: Callable[[int], str]) -> SafeString:
    marks = sorted({0, top // 2, top})
    return format_html_join(
        "",
        '<line class="chart__axis" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (left, width, f"{y:.1f}", f"{y:.1f}", left - 8, f"{y + 4:.1f}", say(mark))
            for mark in marks
            for y in (_HEIGHT - _BOTTOM - mark / top * plot,)
        ),
    )


def _days(preview: Preview, left: int, width: int, every: int) -> SafeString:
    length = len(preview.verdicts) * MINUTE
    midnight = preview.since.replace(hour=0, minute=0) + timedelta(days=1)
    labels = []
    for day in range(0, length // timedelta(days=1), every):
        at = midnight + timedelta(days=day)
        x = left + (at - preview.since) / length * (width - left)
        labels.append((f"{min(x, width - 20):.1f}", _HEIGHT - 6, short_day(at)))
    return format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', labels)
