"""Verdicts: how a publication on trial does, by what gateways say of themselves. No database.

Owns: what speaks against a publication. Whole gateways are judged here, by how their calls compare with those of other
gateways, and of calls that nobody is known for by their counts; one worker of a gateway is compared with the others by
the gateway itself, which knows each call, and tells what it found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apim.gateways.models import Worker
from gateway_sync.delivery.tallies import Comparison

WORSE_BY: Final = 0.01  # of the calls, more than the others answer with 5xx
ENOUGH_CALLS: Final = 100  # of the canaries, before their share of 5xx says anything
_REFUSALS: Final = "generation."
_ON_TRIAL: Final = "trial."  # codes of problems that a gateway tells of the worker that tries

Counts = tuple[int, int]  # calls, and those answered with 5xx


@dataclass(frozen=True, slots=True)
class Calls:
    """Shapes: before and now are of canaries, until the trial began and since; others = of other gateways since."""

    before: Counts
    now: Counts
    others: Counts


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial stands. Shapes: fault "" = nothing speaks against it; is_over = it has served long enough."""

    fault: str
    is_over: bool


def judge(
    workers: Sequence[Worker],
    digests: Mapping[str, str],
    calls: Calls,
    comparison: Comparison = Comparison(),  # noqa: B008 - frozen
    *,
    is_time_up: bool,
) -> Verdict:
    """How a trial does, by what the workers of canaries say and by calls; by counts where most callers are not known.

    Shapes: digests maps gateways to the state they are to serve.
    """
    for worker in workers:
        for problem in worker.problems:
            if str(problem.get("code", "")).startswith(_REFUSALS):
                return Verdict(f"{worker.gateway} refused it: {problem.get('message', '')}", is_over=True)
    if comparison.fault:
        return Verdict(comparison.fault, is_over=True)
    usual = _share(calls.others) if calls.others[0] >= ENOUGH_CALLS else _share(calls.before)
    unknown = max(0, calls.now[0] - comparison.known.calls), max(0, calls.now[1] - comparison.known.failed)
    if unknown[0] >= max(ENOUGH_CALLS, comparison.known.calls) and _share(unknown) > usual + WORSE_BY:
        told = f"{unknown[1]} of {unknown[0]} calls were answered with 5xx, where {usual:.1%} is usual"
        return Verdict(told, is_over=True)
    if is_time_up and not all(worker.digest == digests.get(worker.gateway_id) for worker in workers):
        return Verdict("not every worker of the canaries took it over in time", is_over=True)
    return Verdict("", is_over=is_time_up)


def judge_workers(
    workers: Sequence[Worker], digests: Mapping[str, str], revision: int, *, is_time_up: bool, is_anybody_heard: bool
) -> Verdict:
    """How a trial does in one worker of each gateway: gateways compare that with their others, and tell.

    Shapes: workers are of gateways that try it and are heard; digests maps those to the state on trial.
    is_anybody_heard = of the gateways that do not try it as well.
    """
    for worker in workers:
        for problem in worker.problems:
            if str(problem.get("code", "")).startswith(_ON_TRIAL) and problem.get("revision") == revision:
                return Verdict(f"{worker.gateway}: {problem.get('message', '')}", is_over=True)
    if not is_time_up or not is_anybody_heard:  # nothing is known
        return Verdict("", is_over=False)
    if not workers:  # they were removed or replaced: else whoever comes after them would wait for ever
        return Verdict("no gateway that tried it is heard any more", is_over=True)
    took = {worker.gateway_id for worker in workers if worker.digest == digests[worker.gateway_id]}
    if missing := sorted({str(worker.gateway) for worker in workers if worker.gateway_id not in took}):
        return Verdict(f"no worker of {missing[0]} took it over in time", is_over=True)
    return Verdict("", is_over=True)


def _share(counts: Counts) -> float:
    return counts[1] / counts[0] if counts[0] else 0.0
