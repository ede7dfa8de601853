"""Composite operations of a worker beside what its disk does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from gateway_sync.runtime.composing import Compositions
from gateway_sync.runtime.composition_journal import CompositionJournal

if TYPE_CHECKING:
    from gateway_sync.runtime.composed_call import ComposedCall
    from gateway_sync.runtime.serving import Serving


def test_a_journal_that_cannot_be_written_keeps_nobody_from_undoing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = CompositionJournal(tmp_path, 0, "a1")
    compositions = Compositions(cast("Serving", SimpleNamespace(stats=[])), journal)
    journal.close()  # from here on each write fails, as on a full disk
    call = cast("ComposedCall", SimpleNamespace(request_id="r-1", operation="POST /transfers"))
    compositions.note("undoing", call, "withdraw")
    compositions.note("over", call)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "composite operations cannot be written down"
    ]
