"""What the blocks of a request flow tell of the calls that passed: which share each refused, how long it took. Pure.

Owns: what is a block's own and what is told of several together; never a figure that nothing counted or timed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.analytics.passages import Passage, Sample
from apim.console.insight.figures import Cell, Figure, percent
from apim.console.request_flow import Block
from apim.listing import clauses, enumerated
from apim.ui.templatetags.formats import milliseconds
from gateway_sync.policies import DESCRIPTIONS, KINDS

_OF_SERVICE: Final = frozenset({"no-healthy-target", "step-failed", "not-undone"})
_FURTHER: Final[Mapping[str, tuple[str, ...]]] = {"jwt": ("insufficient-scope",)}  # beside the code of the kind
_SHARED: Final = frozenset({"rate-limited", "forbidden", "overloaded"})  # the gateway's own checks give them as well
_GONE: Final = "client-closed"  # the caller went away: nobody refused
_IN_ADMISSION: Final = frozenset({
    "ip-filter", "key-auth", "jwt", "rate-limit", "size-limit", "concurrency-limit",
})  # fmt: skip
_UNTIMED: Final = frozenset({"cors", "client-certificate", "client-limits", "tracing", "upgrade", "streaming"})
_LAST_OF_CALLERS: Final = "client-certificate"  # the kinds up to it decide before the plan does


@dataclass(frozen=True, slots=True)
class Told:
    """What a place on the way tells.

    Shapes: lines stand in its block; sentence says them with their numbers; share (0 to 1) and p95_ms are None where
    nothing tells them; of is how many calls the time is of, basis which these are.
    """

    title: str
    lines: Sequence[str] = ()
    sentence: str = ""
    calls: int | None = None
    share: float | None = None
    p95_ms: float | None = None
    of: int | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """What all places tell, in their order. Shapes: blocks_before are shown before the gateway's own checks."""

    client: Told
    before: Sequence[tuple[Block, Told]]
    checks: Told
    after: Sequence[tuple[Block, Told]]
    service: Told
    answer: Told

    def table(self, title: str, note: str) -> Figure:
        """The same as a table."""
        blocks = [told for _block, told in (*self.before, *self.after)]
        places = [self.client, *blocks[: len(self.before)], self.checks, *blocks[len(self.before) :], self.service]
        return Figure(
            key="flow",
            title=title,
            note=note,
            headers=[_("Block"), _("Calls"), _("Share %"), "p95 (ms)", _("Time of calls"), _("How it is known")],
            rows=[_row(each) for each in (*places, self.answer)],
        )


def figures_of(blocks: Sequence[Block], passed: Passage, deployed: Collection[str]) -> FlowFigures:
    """What the blocks tell. Shapes: deployed are the kinds that run now: others have no figures yet."""
    acting = {block.kind for block in blocks if block.replaced_by is None and not block.is_shadow} & set(deployed)
    own = {code for kind in acting for code in _codes_of(kind)}
    told = [(block, _told(block, passed, deployed, acting)) for block in blocks]
    first = sum(1 for block in blocks if _place(block.kind) <= _place(_LAST_OF_CALLERS))
    checked = {code: calls for code, calls in passed.codes.items() if not _is_of_service(code) and code not in own}
    return FlowFigures(_client(passed), told[:first], _checks(passed, checked), told[first:], _service(passed),
                       _answer(passed))  # fmt: skip


def _client(passed: Passage) -> Told:
    if not passed.calls:
        return Told(_("Client"), [_("no calls yet")])
    calls = ngettext("%(calls)s call", "%(calls)s calls", passed.calls) % {"calls": f"{passed.calls:,}"}
    return Told(_("Client"), [calls], calls, passed.calls)


def _told(block: Block, passed: Passage, deployed: Collection[str], acting: Collection[str]) -> Told:
    if block.replaced_by is not None:
        return Told(block.title, basis=_("does not act"))
    if block.kind not in deployed:
        return Told(block.title, [_("not published yet")], basis=_("not published yet"))
    if not passed.calls:
        return Told(block.title, [_("no calls yet")])
    return _shadow(block, passed) if block.is_shadow else _policy(block, passed, acting)


def _policy(block: Block, passed: Passage, acting: Collection[str]) -> Told:
    codes = _codes_of(block.kind)
    calls = sum(passed.codes.get(code, 0) for code in codes) if codes else None
    share = calls / passed.calls if calls is not None else None
    lines = [] if share is None else [_refused(share)]
    words = [] if calls is None else [_counted(calls, passed.calls)]
    others = [
        DESCRIPTIONS[kind].title for kind in sorted(acting) if kind != block.kind and {*_codes_of(kind)} & {*codes}
    ]
    if calls and (others or _SHARED & {*codes}):
        words.append(_("counted together: the gateway's other checks answer with %(code)s too") % {"code": codes[0]})
    sample, time, word = _time(block.kind, passed)
    said = clauses([*words, word])
    return Told(block.title, [*lines, *time], said, calls, share, sample.p95_ms, sample.calls or None, word)


def _shadow(block: Block, passed: Passage) -> Told:
    tried, would_be = passed.shadows.get(block.kind, (0, 0))
    if not tried:
        return Told(block.title, [_("no calls yet")])
    share = would_be / tried
    counted = ngettext(
        "would have refused %(calls)s of %(all)s call", "would have refused %(calls)s of %(all)s calls", tried
    )
    words = counted % {"calls": f"{would_be:,}", "all": f"{tried:,}"}
    return Told(block.title, [_("%(share)s would be refused") % {"share": _share(share)}], words, would_be, share)


def _time(kind: str, passed: Passage) -> tuple[Sample, list[str], str]:
    """The times, the line of the block, and which calls they are of."""
    if kind in _IN_ADMISSION:
        sample = passed.admission
        if not sample.calls:
            return sample, [_("not sampled")], _("none of the calls was traced")
        word = _("all that is decided before the body together: at most so long; %(calls)s") % {
            "calls": _traced(sample)
        }
        return sample, [_("p95 up to %(time)s") % {"time": milliseconds(sample.p95_ms)}, _traced(sample)], word
    if kind in _UNTIMED:
        return Sample(), [], _("takes no step of its own that is timed")
    sample = passed.by_kind.get(kind, Sample())
    if not sample.calls:
        return sample, [_("not sampled")], _("none of the calls was traced")
    return sample, [_("p95 %(time)s") % {"time": milliseconds(sample.p95_ms)}, _traced(sample)], _traced(sample)


def _checks(passed: Passage, codes: Mapping[str, int]) -> Told:
    title = _("The gateway's own checks")
    if not passed.calls:
        return Told(title, [_("no calls yet")])
    calls = sum(codes.values())
    named = enumerated(f"{code} {number:,}" for code, number in sorted(codes.items(), key=lambda item: -item[1]))
    sample = passed.admission
    time = [_("p95 %(time)s") % {"time": milliseconds(sample.p95_ms)}, _traced(sample)] if sample.calls else [
        _("not sampled")
    ]  # fmt: skip
    basis = _traced(sample) if sample.calls else _("none of the calls was traced")
    words = clauses(each for each in (_counted(calls, passed.calls), named, basis) if each)
    share = calls / passed.calls
    return Told(title, [_refused(share), *time], words, calls, share, sample.p95_ms, sample.calls or None, basis)


def _service(passed: Passage) -> Told:
    title = _("Service")
    if not passed.calls:
        return Told(title, [_("no calls yet")])
    unreached = sum(calls for code, calls in passed.codes.items() if _is_of_service(code) and code != _GONE)
    failed = passed.ends.failed + unreached
    share, sample = failed / passed.calls, passed.service
    basis = _newest(sample, _("until its answer began"))
    time = [_("not sampled")]
    if sample.calls:
        time = [_("p95 %(time)s") % {"time": milliseconds(sample.p95_ms)}, _newest(sample)]
    counted = ngettext(
        "%(failed)s of %(all)s call ended in 5xx or was not answered, %(rejected)s in its 4xx",
        "%(failed)s of %(all)s calls ended in 5xx or were not answered, %(rejected)s in its 4xx",
        passed.calls,
    )
    words = counted % {
        "failed": f"{failed:,}", "all": f"{passed.calls:,}", "rejected": f"{passed.ends.rejected:,}",
    }  # fmt: skip
    lines = [_("%(share)s failed") % {"share": _share(share)}, *time]
    return Told(title, lines, clauses([words, basis]), failed, share, sample.p95_ms, sample.calls or None, basis)


def _answer(passed: Passage) -> Told:
    title = _("Answer")
    if not passed.calls:
        return Told(title, [_("no calls yet")])
    whole = passed.whole.within(0.95)
    basis = _("all calls of known callers") if passed.whole.calls else _("none of the calls was timed")
    lines = [_("not timed")]
    if whole is not None:
        timed = ngettext("of %(calls)s timed call", "of %(calls)s timed calls", passed.whole.calls)
        lines = [_("p95 %(time)s in all") % {"time": milliseconds(whole)}, timed % {"calls": f"{passed.whole.calls:,}"}]
    words = [basis]
    if passed.beside.calls:
        beside = milliseconds(passed.beside.p95_ms)
        lines.append(_("p95 %(time)s without the service") % {"time": beside})
        words.append(_("without the service p95 %(time)s, %(of)s") % {"time": beside, "of": _newest(passed.beside)})
    return Told(title, lines, clauses(words), passed.calls, None, whole, passed.whole.calls or None, clauses(words))


def _codes_of(kind: str) -> tuple[str, ...]:
    known = DESCRIPTIONS.get(kind)
    return (known.refusal, *_FURTHER.get(kind, ())) if known is not None and known.refusal else ()


def _is_of_service(code: str) -> bool:
    return code.startswith("upstream-") or code in _OF_SERVICE or code == _GONE


def _place(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def _share(share: float) -> str:
    """A share as a block has it: what is there at all is not told as 0."""
    shown = percent(share)
    return f"{shown:.3g} %" if shown or not share else "< 0.01 %"


def _refused(share: float) -> str:
    return _("%(share)s refused") % {"share": _share(share)}


def _counted(calls: int, of: int) -> str:
    counted = ngettext("refused %(calls)s of %(all)s call", "refused %(calls)s of %(all)s calls", of)
    return counted % {"calls": f"{calls:,}", "all": f"{of:,}"}


def _traced(sample: Sample) -> str:
    return ngettext("of %(calls)s traced call", "of %(calls)s traced calls", sample.calls) % {
        "calls": f"{sample.calls:,}"
    }


def _newest(sample: Sample, what: str = "") -> str:
    if not sample.calls:
        return _("none of the newest calls was answered by it")
    of = ngettext("of the newest call", "of the %(calls)s newest calls", sample.calls) % {"calls": f"{sample.calls:,}"}
    return enumerated(each for each in (what, of) if each)


def _row(told: Told) -> list[Cell]:
    share = None if told.share is None else percent(told.share)
    return [told.title, told.calls, share, told.p95_ms, told.of, told.sentence or told.basis or enumerated(told.lines)]


def kinds_in(*policies: Iterable[Mapping[str, object]]) -> set[str]:
    """The kinds that policies name."""
    return {kind for each in policies for policy in each for kind in policy}
