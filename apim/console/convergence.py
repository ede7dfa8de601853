"""How far the wanted state has come: each gateway's workers against their environment, in words and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apim.accounts.models import Viewer
from apim.gateways.models import Gateway, Worker
from apim.gateways.standing import SILENT_AFTER, is_clock_wrong, refuses_keys
from apim.usage.sides import GatewayUsage
from gateway_sync.delivery.trials import expected_digests

_BOX, _GAP, _LABEL = 40, 6, 30
_WIDTH = 360


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker and how it stands.

    Shapes: state is current, behind, refused or silent; is_trying = it serves what the others do not yet.
    """

    worker: Worker
    state: str
    is_trying: bool = False


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway, its workers, how many of them run what was published, and its calls if they were asked for."""

    gateway: Gateway
    workers: Sequence[WorkerView]
    is_silent: bool
    picture: SafeString
    is_clock_wrong: bool
    is_refusing_keys: bool
    usage: GatewayUsage | None

    @property
    def current(self) -> int:
        """Workers that run what was published."""
        return sum(view.state == "current" for view in self.workers)

    @property
    def events(self) -> list[tuple[datetime, Mapping[str, Any]]]:
        """What happened to targets, the newest first."""
        return [(datetime.fromtimestamp(event["at"], UTC), event) for event in reversed(self.gateway.events)]

    @property
    def clock_behind_s(self) -> int:
        """How far behind its clock was."""
        return -self.gateway.clock_off_s

    @property
    def is_converged(self) -> bool:
        """True when every worker does."""
        return bool(self.workers) and self.current == len(self.workers)

    @property
    def runs_an_equal_one(self) -> bool:
        """True when the workers are current at an older revision: the newest changed nothing for them."""
        published = self.gateway.environment.published_revision
        return self.is_converged and any(view.worker.revision < published for view in self.workers)


def gateways_of(user: Viewer) -> list[Gateway]:
    """The gateways that somebody may see, with their workers. Two queries."""
    return list(Gateway.objects.visible_to(user).select_related("environment").prefetch_related("workers"))


def fleet_of(
    gateways: Sequence[Gateway], now: datetime, usage: Mapping[str, GatewayUsage] | None = None
) -> list[GatewayView]:
    """How each gateway stands. Shapes: environment and workers are fetched already; usage by id, None = not asked."""
    expected, counted = expected_digests(gateways), usage or {}
    nothing = None if usage is None else GatewayUsage()
    return [_gateway_view(gateway, expected[gateway.pk], now, counted.get(gateway.pk, nothing)) for gateway in gateways]


def _gateway_view(gateway: Gateway, digest: str, now: datetime, usage: GatewayUsage | None) -> GatewayView:
    views = [_worker_view(worker, gateway, digest, now) for worker in gateway.workers.all()]
    is_silent = gateway.seen_at is None or now - gateway.seen_at > SILENT_AFTER
    return GatewayView(
        gateway,
        views,
        is_silent,
        _picture(gateway, views),
        is_clock_wrong(gateway, now),
        refuses_keys(gateway, now),
        usage,
    )


def _worker_view(worker: Worker, gateway: Gateway, digest: str, now: datetime) -> WorkerView:
    state = _state(worker, gateway, digest, now)
    return WorkerView(worker, state, is_trying=state == "current" and worker.digest != digest)


def _state(worker: Worker, gateway: Gateway, digest: str, now: datetime) -> str:
    if now - worker.seen_at > SILENT_AFTER:
        return "silent"
    if worker.refuses_state:
        return "refused"
    environment = gateway.environment
    # A revision that changes nothing for gateways has the digest of the one before, and workers stay at that one.
    runs_it = worker.revision >= environment.published_revision or worker.digest == digest
    return "current" if runs_it and worker.access_seq >= environment.published_access_seq else "behind"


def _picture(gateway: Gateway, views: Sequence[WorkerView]) -> SafeString:
    """Wanted -> published -> one box a worker; each box says its revision."""
    environment = gateway.environment
    a_row = (_WIDTH + _GAP) // (_BOX + _GAP)
    rows = -(-len(views) // a_row)  # none while no worker has reported
    summary = gettext(
        "Wanted revision %(revision)s, published %(published_revision)s; %(views)s of %(count)s workers run it."
    ) % {
        "revision": environment.revision,
        "published_revision": environment.published_revision,
        "views": sum(view.state == "current" for view in views),
        "count": len(views),
    }
    boxes = format_html_join(
        "",
        '<g class="convergence__worker convergence__worker--{}"><rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text x="{}" y="{}">{}</text><title>{}</title></g>',
        (_box(index, view, a_row) for index, view in enumerate(views)),
    )
    return format_html(
        '<svg class="convergence" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<text class="convergence__label" x="0" y="14">{}</text>'
        '<text class="convergence__label" x="{}" y="14" text-anchor="middle">{}</text>'
        '<text class="convergence__label" x="{}" y="14" text-anchor="end">{}</text>{}</svg>',
        _WIDTH, _LABEL + rows * (_BOX + _GAP), summary, gettext("wanted %(number)s") % {"number": environment.revision},
        _WIDTH // 2, gettext("published %(number)s") % {"number": environment.published_revision},
        _WIDTH, gettext("running %(number)s") % {"number": _running(views)}, boxes,
    )  # fmt: skip


def _box(index: int, view: WorkerView, a_row: int) -> tuple[object, ...]:
    x, y = index % a_row * (_BOX + _GAP), _LABEL + index // a_row * (_BOX + _GAP)
    worker = view.worker
    return (
        view.state, x, y, _BOX, _BOX, x + _BOX / 2, y + _BOX / 2 + 4, worker.revision,
        gettext("Worker %(slot)s: %(state)s, revision %(revision)s")
        % {"slot": worker.slot, "state": _words(view.state), "revision": worker.revision},
    )  # fmt: skip


def _words(state: str) -> str:
    told = {"current": gettext("current"), "behind": gettext("behind"), "refused": gettext("refused")}
    return told.get(state, gettext("silent"))


def _running(views: Sequence[WorkerView]) -> str:
    revisions = sorted({view.worker.revision for view in views})
    if not revisions:
        return gettext("nothing")
    return str(revisions[0]) if len(revisions) == 1 else f"{revisions[0]}-{revisions[-1]}"
