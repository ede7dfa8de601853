"""Flow: one call as a picture: from the client through the gateway's policies to the service, and back.

Owns: which blocks there are and what each says. Must not know: HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.listing import enumerated, labelled
from apim.usage.outcomes import try_words
from gateway_sync.policies import DESCRIPTIONS

if TYPE_CHECKING:
    from gateway_sync.trace_wire import CallTrace, Part, PolicyMet, Rival, Try

_TITLES = {
    "http": "HTTP",
    "route": gettext_lazy("Route"),
    "address": gettext_lazy("Address limits"),
    "caller": gettext_lazy("Caller"),
    "subscription": gettext_lazy("Subscription"),
    "limits": gettext_lazy("Rates and quotas"),
    "key-auth": gettext_lazy("API key"),
    "jwt": gettext_lazy("Token"),
    "size-limit": gettext_lazy("Body size"),
    "concurrency-limit": gettext_lazy("Calls at once"),
    "composite": gettext_lazy("Composite operation"),
}
_ANSWERED = "answered"
_NOT_RUN = frozenset({"skipped", "not-run"})
_STATES = {
    "passed": gettext_lazy("passed"),
    "changed": gettext_lazy("changed"),
    "answered": gettext_lazy("answered"),
    "refused": gettext_lazy("refused"),
    "failed": gettext_lazy("failed"),
    "unreached": gettext_lazy("unreached"),
}
_CHOSEN = (
    gettext_lazy("chosen: its product names the operation"),
    gettext_lazy("chosen: by a wildcard"),
    gettext_lazy("chosen: its product has the whole version"),
)
_AFTER = (
    gettext_lazy("comes after it: its product names the operation"),
    gettext_lazy("comes after it: by a wildcard"),
    gettext_lazy("comes after it: its product has the whole version"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A place that the call passed.

    Shapes: state is passed, changed, answered, refused, failed or unreached. Units: us, below 0 = not measured.
    """

    title: str
    state: str
    us: int
    note: str = ""
    is_shadow: bool = False

    @property
    def state_word(self) -> str:
        """The state as it is read."""
        return str(_STATES.get(self.state, self.state))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the time. Shapes: name is gateway, connect, service or body."""

    name: str
    title: str
    us: int


@dataclass(frozen=True, slots=True)
class Flow:
    """The way there, the services, the way back, and where the time went."""

    way_there: list[Block]
    services: list[Block]
    way_back: list[Block]
    shares: list[Share]
    total_us: int
    upload_us: int

    @property
    def bar(self) -> list[tuple[str, int]]:
        """The shares with their colours."""
        return [(f"fill-{share.name}", share.us) for share in self.shares]


def flow_of(trace: CallTrace) -> Flow:
    """The picture of a trace."""
    there = [_policy(each) for each in trace.policies if not each.is_answer]
    back = [_policy(each) for each in trace.policies if each.is_answer]
    services = [_try(each) for each in trace.tries] + [_part(each) for each in trace.parts]
    return Flow(there, services, back, _shares(trace), max(0, trace.duration_us), trace.upload_us)


def choice_of(trace: CallTrace, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """[(subscription, why it was chosen or not)], where several cover the route; names are those of products."""
    chosen = trace.subscription
    return [(names.get(each.product, each.subscription), _why(each, chosen)) for each in trace.rivals]


def _why(rival: Rival, chosen: str) -> str:
    if rival.subscription == chosen:
        return str(_CHOSEN[min(rival.rank, len(_CHOSEN) - 1)])
    if rival.code:
        return _("cannot be used: %(code)s") % {"code": rival.code}
    return str(_AFTER[min(rival.rank, len(_AFTER) - 1)])


def _policy(met: PolicyMet) -> Block:
    known = DESCRIPTIONS.get(met.kind)
    title = str(_TITLES.get(met.kind, "")) or (known.title if known is not None else met.kind)
    note = _("with all before it") if met.kind in _TITLES and met.us >= 0 and not met.is_shadow else ""
    return Block(title, met.done, met.us, note, is_shadow=met.is_shadow)


def _try(made: Try) -> Block:
    parts = [f"{made.status}" if made.status else "", try_words(made.outcome) if made.outcome != _ANSWERED else ""]
    if made.connect_us > 0:
        parts.append(_("on a new connection"))
    if made.arm:
        parts.append(_("arm %(arm)s") % {"arm": made.arm})
    if made.retry:
        parts.append(_("tried again: %(reason)s") % {"reason": try_words(made.retry)})
    state = "failed" if made.retry or made.outcome != _ANSWERED else _ANSWERED
    return Block(made.target or _("Service"), state, made.us, enumerated(part for part in parts if part))


def _part(part: Part) -> Block:
    state = _ANSWERED if part.outcome == _ANSWERED else "unreached" if part.outcome in _NOT_RUN else "failed"
    said = f"{part.status}" if part.status else try_words(part.outcome)
    note = labelled(part.operation, said) if part.operation else said
    name = _("undo %(step)s") % {"step": part.undoes} if part.undoes else part.name
    return Block(name, state, part.us, note)


def _shares(trace: CallTrace) -> list[Share]:
    total = max(0, trace.duration_us)
    connect = sum(max(0, each.connect_us) for each in trace.tries)
    body = max(0, trace.body_us)
    asked = sum(max(0, each.us) for each in trace.tries[:-1])
    if trace.tries:
        last = trace.tries[-1]
        asked += last.first_byte_us if last.first_byte_us >= 0 else max(0, last.us - max(0, last.connect_us))
    asked += _busy_us([(each.at_us, each.at_us + max(0, each.us)) for each in trace.parts])
    service = min(total, max(0, asked))
    gateway = max(0, total - connect - service - body)
    shares = [
        Share("gateway", _("Gateway"), gateway),
        Share("connect", _("Connecting"), min(total, connect)),
        Share("service", _("Services") if trace.parts else _("Service, until its answer began"), service),
        Share("body", _("Rest of the answer, at the client's pace"), body),
    ]
    return [share for share in shares if share.us or share.name == "gateway"]


def _busy_us(spans: list[tuple[int, int]]) -> int:
    """How long at least one of the calls, each from its start to its end, was under way."""
    busy, reached = 0, 0
    for start, end in sorted(spans):
        busy += max(0, end - max(start, reached))
        reached = max(reached, end)
    return busy
