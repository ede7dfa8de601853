"""Any history of writing, handing in, repeating, overlapping, failing and purging counts each call once (R6, B2).

A history ends with all handed in once more: then nothing is missing and nothing is doubled.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import LatencyRollup, ReceivedBoot, UsageRecord, UsageRollup
from apim.usage.sequences import runs_of, write_runs
from apim.usage.services import ingest_all
from tests.apim.usage.replayed import BOOTS, handed_in

BOOT = st.sampled_from(BOOTS)
# A cut of what a boot has written: where it begins, in thousandths of that, and how many records it has at most.
CUTS = st.lists(st.tuples(BOOT, st.integers(0, 999), st.integers(1, 12)), min_size=1, max_size=4)


class DeathError(Exception):
    """The process ends before its transaction does."""


class History(RuleBasedStateMachine):
    """Gateways write without gaps; what they hand in comes in any order, several times, in batches cut anew."""

    def __init__(self) -> None:
        super().__init__()
        self._undone = transaction.atomic()
        self._undone.__enter__()
        self._gateway = enroll_gateway(environment=default_environment(), name="g", by=system_actor("test")).gateway
        self._written = dict.fromkeys(BOOTS, 0)
        self._taken: dict[str, set[int]] = {boot: set() for boot in BOOTS}

    def _cut(self, boot: str, place: int, most: int) -> tuple[str, int, int] | None:
        written = self._written[boot]
        first = 1 + place * written // 1000
        return (boot, first, min(written, first + most - 1)) if written else None

    def _hand_in(self, cuts: list[tuple[str, int, int]]) -> None:
        ingest_all([handed_in(self._gateway, *cut) for cut in cuts])

    @rule(boot=BOOT, count=st.integers(1, 10))
    def write(self, boot: str, count: int) -> None:
        self._written[boot] += count

    @rule(asked=CUTS)
    def hand_in(self, asked: list[tuple[str, int, int]]) -> None:
        """Several batches in one transaction, as they come at once."""
        cuts = [cut for each in asked if (cut := self._cut(*each))]
        if cuts:
            self._hand_in(cuts)
        for boot, first, last in cuts:
            self._taken[boot] |= set(range(first, last + 1))

    @rule(asked=CUTS)
    def die(self, asked: list[tuple[str, int, int]]) -> None:
        """The process ends before the commit: the gateway hears nothing and hands in again."""
        cuts = [cut for each in asked if (cut := self._cut(*each))]
        if not cuts:
            return
        with suppress(DeathError), transaction.atomic():
            self._hand_in(cuts)
            raise DeathError

    @invariant()
    def each_is_there_once_and_in_all_sums(self) -> None:
        count = sum(map(len, self._taken.values()))
        assert UsageRecord.objects.count() == count
        for period in ("minute", "hour", "day"):
            assert (UsageRollup.objects.filter(period=period).aggregate(sum=Sum("calls"))["sum"] or 0) == count
        assert (LatencyRollup.objects.filter(period="day").aggregate(sum=Sum("calls"))["sum"] or 0) == count
        received = dict(ReceivedBoot.objects.values_list("boot", "received"))
        assert received == {boot: write_runs(runs_of(sorted(taken))) for boot, taken in self._taken.items() if taken}

    def teardown(self) -> None:
        """In the end all of it comes once more."""
        try:
            self._hand_in([(boot, 1, written) for boot, written in self._written.items() if written])
            self._taken = {boot: set(range(1, written + 1)) for boot, written in self._written.items()}
            self.each_is_there_once_and_in_all_sums()
        finally:
            transaction.set_rollback(True)
            self._undone.__exit__(None, None, None)


@pytest.mark.django_db
@pytest.mark.parametrize("examples", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_each_call_is_counted_once_whatever_is_repeated_or_lost(examples: int) -> None:
    generate = (Phase.generate,)  # a shorter history of the same fault would take minutes to find
    run_state_machine_as_test(
        History, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, phases=generate)
    )
