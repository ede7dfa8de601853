"""Batches that come at once are taken in together, and one that is refused refuses no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from apim.gateways.models import Gateway
from apim.usage.receiving import HandedIn
from apim.usage.together import RECORDS_AT_MOST, Together
from gateway_sync.usage_wire import UsageBatch
from tests.factories.usage import batch, event
from tests.waiting import PATIENCE_S, wait_until


def handed_in(boot: str, records: int = 1) -> HandedIn:
    return HandedIn(Gateway(id="gtw_1"), batch(*(event(1) for _ in range(records)), boot=boot))


class Taker:
    """Notes what is taken together; the first waits until it may go on."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []
        self.is_busy, self.may_go_on = threading.Event(), threading.Event()

    def take(self, those: Sequence[HandedIn]) -> None:
        boots = [each.batch.boot for each in those]
        self.is_busy.set()
        assert self.may_go_on.wait(PATIENCE_S)
        if "bad" in boots:
            raise ValueError(boots)
        if "end" in boots:
            raise SystemExit
        self.taken.append(boots)


def taken_while_one_is_busy(boots: Sequence[str], records: int = 1) -> tuple[Taker, dict[str, Exception]]:
    taker = Taker()
    together = Together(taker.take)
    errors: dict[str, Exception] = {}

    def hand_in(boot: str) -> None:
        try:
            together.hand_in(handed_in(boot, records))
        except (ValueError, RuntimeError) as error:
            errors[boot] = error
        except SystemExit:
            return

    first = threading.Thread(target=hand_in, args=("first",))
    first.start()
    assert taker.is_busy.wait(PATIENCE_S)
    others = [threading.Thread(target=hand_in, args=(boot,)) for boot in boots]
    for other in others:
        other.start()
    wait_until(lambda: len(together._waiting) == len(boots), "all others wait")
    taker.may_go_on.set()
    for thread in (first, *others):
        thread.join(PATIENCE_S)
    return taker, errors


def test_who_comes_while_one_is_taken_in_is_taken_in_with_the_others() -> None:
    taker, errors = taken_while_one_is_busy(["a", "b", "c"])
    assert [sorted(each) for each in taker.taken] == [["first"], ["a", "b", "c"]]
    assert not errors


def test_one_that_is_refused_refuses_no_other() -> None:
    taker, errors = taken_while_one_is_busy(["a", "bad", "c"])
    assert sorted(boot for each in taker.taken for boot in each) == ["a", "c", "first"]
    assert errors.keys() == {"bad"}


def test_nobody_is_told_that_a_batch_is_durable_when_the_process_ends_meanwhile() -> None:
    taker, errors = taken_while_one_is_busy(["a", "end", "c"])
    assert taker.taken == [["first"]]
    assert len(errors) == 2  # of three; the third thread ended


def test_a_transaction_takes_no_more_than_its_share() -> None:
    each = RECORDS_AT_MOST // 2 - 1
    taker, _ = taken_while_one_is_busy(["a", "b", "c"], records=each)
    assert [len(those) for those in taker.taken] == [1, 2, 1]


def test_the_error_is_that_of_who_brought_it() -> None:
    def refuse(those: Sequence[HandedIn]) -> None:
        raise ValueError(those[0].batch.boot)

    with pytest.raises(ValueError, match="mine"):
        Together(refuse).hand_in(handed_in("mine"))


def test_a_batch_of_nothing_is_taken_in_too() -> None:
    taken: list[UsageBatch] = []
    Together(lambda those: taken.extend(each.batch for each in those)).hand_in(handed_in("cells", 0))
    assert [each.boot for each in taken] == ["cells"]
