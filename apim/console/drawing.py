"""Drawings of composite operations as inline SVG: steps from left to right, or down on narrow screens. Pure.

Colours come from classes, so that both themes work under a strict CSP. The page beside it says the same in a table.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apim.listing import enumerated, labelled
from gateway_sync.compositions import Composite, Step
from gateway_sync.compositions.declaration import Call


class Grid(NamedTuple):
    """Measures of one way of drawing, in units of the SVG."""

    css: str
    width: int  # of a box
    height: int
    gap: int  # along the way
    lane: int  # between boxes side by side
    is_down: bool


WIDE = Grid("composition--wide", 190, 54, 44, 18, is_down=False)
NARROW = Grid("composition--narrow", 148, 54, 30, 12, is_down=True)
_PLACEHOLDER = re.compile(r"\{[^{}]*?([^{}./]+)\}")
_UNDO_HEIGHT, _UNDO_GAP, _END, _LETTER = 30, 16, 62, 7.1


@dataclass(frozen=True, slots=True)
class Box:
    """A step with its place."""

    step: Step
    x: int
    y: int
    grid: Grid

    @property
    def middle(self) -> tuple[int, int]:
        """Of the box."""
        return self.x + self.grid.width // 2, self.y + self.grid.height // 2


def depths_of(composite: Composite) -> list[list[Step]]:
    """The steps by how many others come before them at least, in the order written; a circle ends the list."""
    depth: dict[str, int] = {}
    left = list(composite.steps)
    while left:
        ready = [step for step in left if all(name in depth for name in step.after)]
        if not ready:
            break
        for step in ready:
            depth[step.name] = max((depth[name] + 1 for name in step.after), default=0)
        left = [step for step in left if step.name not in depth]
    rows: defaultdict[int, list[Step]] = defaultdict(list)
    for step in composite.steps:
        if step.name in depth:
            rows[depth[step.name]].append(step)
    return [rows[number] for number in sorted(rows)]


def draw_composite(composite: Composite) -> SafeString:
    """Both drawings; CSS shows the one whose letters can be read."""
    return format_html("{}{}", _draw(composite, WIDE), _draw(composite, NARROW))


def _draw(composite: Composite, grid: Grid) -> SafeString:
    boxes, (width, height) = _placed(composite, grid)
    start = (grid.width // 2, 34) if grid.is_down else (_END, grid.height // 2 + 1)
    end = (grid.width // 2, height - 40) if grid.is_down else (width - _END, grid.height // 2 + 1)
    last = [name for name in boxes if not any(name in box.step.after for box in boxes.values())]
    ways = [(start, _entry(box)) for box in boxes.values() if not box.step.after]
    ways += [(_exit(boxes[name]), _entry(box)) for box in boxes.values() for name in box.step.after]
    ways += [(_exit(boxes[name]), end) for name in last]
    parts = [_arrow(*way, is_down=grid.is_down) for way in ways]
    parts += [_step(box) for box in boxes.values()]
    parts += _undoing(list(boxes.values()))
    parts += [_pill(gettext("caller"), start, grid, is_first=True), _pill(gettext("answer"), end, grid, is_first=False)]
    return format_html(
        '<svg class="composition {}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        grid.css, width + 2, height + 2, width + 2, height + 2, sentence_of(composite), _joined(parts),
    )  # fmt: skip


def _placed(composite: Composite, grid: Grid) -> tuple[dict[str, Box], tuple[int, int]]:
    """The boxes by step, and the size of all."""
    depths = depths_of(composite)
    lanes = max((len(steps) for steps in depths), default=1)
    # How much a row of the drawing takes: of a depth when it goes down, of a lane when it goes to the right.
    rows = depths if grid.is_down else [[steps[lane] for steps in depths if lane < len(steps)] for lane in range(lanes)]
    tops = [0]
    for steps in rows:
        undo = _UNDO_GAP + _UNDO_HEIGHT if any(step.compensate is not None for step in steps) else 0
        tops.append(tops[-1] + grid.height + undo + (grid.gap if grid.is_down else grid.lane))
    boxes: dict[str, Box] = {}
    for depth, steps in enumerate(depths):
        for lane, step in enumerate(steps):
            if grid.is_down:
                x, y = lane * (grid.width + grid.lane), _END + tops[depth]
            else:
                x, y = _END + grid.gap + depth * (grid.width + grid.gap), tops[lane]
            boxes[step.name] = Box(step, x + 1, y + 1, grid)
    if grid.is_down:
        return boxes, (lanes * (grid.width + grid.lane), 2 * _END + tops[-1])
    return boxes, (2 * (_END + grid.gap) + len(depths) * (grid.width + grid.gap) - grid.gap, tops[-1])


def sentence_of(composite: Composite) -> str:
    """The drawing in words."""
    told = [enumerated(step.name for step in steps) for steps in depths_of(composite)]
    undone = [step.name for step in composite.steps if step.compensate is not None]
    facts = {"operation": composite.operation, "steps": gettext(", then ").join(told)}
    if not undone:
        return gettext("%(operation)s: %(steps)s.") % facts
    undoing = enumerated(reversed(undone))
    return gettext("%(operation)s: %(steps)s. When one fails, %(undone)s can be undone.") % {**facts, "undone": undoing}


def _joined(parts: list[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def _entry(box: Box) -> tuple[int, int]:
    return (box.middle[0], box.y) if box.grid.is_down else (box.x, box.middle[1])


def _exit(box: Box) -> tuple[int, int]:
    """Where the way goes on; on narrow screens beside the compensation that stands below."""
    if not box.grid.is_down:
        return box.x + box.grid.width, box.middle[1]
    below = _UNDO_GAP + _UNDO_HEIGHT if box.step.compensate is not None else 0
    return box.middle[0], box.y + box.grid.height + below


def _arrow(start: tuple[int, int], end: tuple[int, int], *, is_down: bool) -> SafeString:
    (x1, y1), (x2, y2) = start, end
    if is_down:
        bend = f"M{x1} {y1} C{x1} {(y1 + y2) // 2} {x2} {(y1 + y2) // 2} {x2} {y2}"
        head = f"{x2},{y2} {x2 - 4},{y2 - 7} {x2 + 4},{y2 - 7}"
    else:
        bend = f"M{x1} {y1} C{(x1 + x2) // 2} {y1} {(x1 + x2) // 2} {y2} {x2} {y2}"
        head = f"{x2},{y2} {x2 - 7},{y2 - 4} {x2 - 7},{y2 + 4}"
    return format_html(
        '<path class="composition__way" d="{}"/><polygon class="composition__head" points="{}"/>', bend, head
    )


def _step(box: Box) -> SafeString:
    call, width = box.step.call, box.grid.width
    notes = [note for note, is_on in ((gettext("if"), box.step.when), (gettext("check"), box.step.require)) if is_on]
    if box.step.on_failure.way != "fail":
        notes.append(gettext("may fail"))
    return format_html(
        '<g><title>{}</title><rect class="composition__box" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text class="composition__name" x="{}" y="{}">{}</text>'
        '<text class="composition__note" x="{}" y="{}" text-anchor="end">{}</text>'
        '<text class="composition__call" x="{}" y="{}">{}</text></g>',
        labelled(box.step.name, written(call)), box.x, box.y, width, box.grid.height, box.x + 10, box.y + 22,
        _cut(box.step.name, width - 20 - 7 * len(enumerated(notes))), box.x + width - 10, box.y + 22, enumerated(notes),
        box.x + 10, box.y + 42, _short(call, width - 20),
    )  # fmt: skip


def _undoing(boxes: list[Box]) -> list[SafeString]:
    """The compensations under their steps, and the order in which they are called: backwards."""
    parts = []
    with_undo = [box for box in boxes if box.step.compensate is not None]
    for number, box in enumerate(with_undo):
        compensate = box.step.compensate
        top = box.y + box.grid.height + _UNDO_GAP
        said = gettext("undo: %(call)s") % {"call": written(compensate.call)} if compensate is not None else ""
        parts.append(
            format_html(
                '<path class="composition__way composition__way--undo" d="M{} {} V{}"/><g><title>{}</title>'
                '<rect class="composition__undo" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
                '<text class="composition__call" x="{}" y="{}">{}</text></g>',
                box.middle[0],
                box.y + box.grid.height,
                top,
                said,
                box.x,
                top,
                box.grid.width,
                _UNDO_HEIGHT,
                box.x + 10,
                top + 20,
                _cut(said, box.grid.width - 20),
            )
        )
        before = with_undo[number - 1] if number else None
        if before is not None and not box.grid.is_down:
            parts.append(_backwards(box, before, top))
    return parts


def _backwards(box: Box, before: Box, top: int) -> SafeString:
    middle, target = top + _UNDO_HEIGHT // 2, before.y + before.grid.height + _UNDO_GAP + _UNDO_HEIGHT // 2
    end = before.x + before.grid.width
    return format_html(
        '<path class="composition__way composition__way--undo" d="M{} {} C{} {} {} {} {} {}"/>'
        '<polygon class="composition__head composition__head--undo" points="{},{} {},{} {},{}"/>',
        box.x, middle, (box.x + end) // 2, middle, (box.x + end) // 2, target, end, target,
        end, target, end + 7, target - 4, end + 7, target + 4,
    )  # fmt: skip


def _pill(text: str, at: tuple[int, int], grid: Grid, *, is_first: bool) -> SafeString:
    """The caller before the first step, and the answer after the last."""
    x, y = at
    if grid.is_down:
        left, top = x - _END // 2, (y - 30 if is_first else y)
    else:
        left, top = (x - _END if is_first else x), y - 15
    return format_html(
        '<rect class="composition__pill" x="{}" y="{}" width="{}" height="30" rx="15"/>'
        '<text class="composition__end" x="{}" y="{}" text-anchor="middle">{}</text>',
        left + 1, top, _END - 2, left + _END // 2, top + 19, text,
    )  # fmt: skip


def written(call: Call) -> str:
    """A call as its owner wrote it, with its service."""
    at = f" at {call.service}" if call.service else ""
    return f"{call.method} {call.path.source}{at}"


def _short(call: Call, width: int) -> str:
    """The method and as much of the path's end as there is room for; placeholders by their last name."""
    path = _PLACEHOLDER.sub(r"{\1}", call.path.source)
    most = max(6, int(width / _LETTER)) - len(call.method) - 1
    return f"{call.method} {path if len(path) <= most else '…' + path[len(path) - most + 1 :]}"


def _cut(text: str, width: int) -> str:
    most = max(4, int(width / _LETTER))
    return text if len(text) <= most else f"{text[: most - 1]}…"
