"""Ids: fresh, and in the order of their making."""

from __future__ import annotations

import time

import pytest

from apim.fields import new_id


def test_ids_of_one_millisecond_sort_in_the_order_of_their_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    ids = [new_id("sub") for _ in range(500)]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {len("sub_") + 20}
