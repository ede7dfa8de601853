"""Composed outcomes: what came of each step, and what the caller is told."""

from __future__ import annotations

from typing import Final

from gateway_sync.messages import Refusal

NOT_RUN: Final = "not-run"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
TOLERATED: Final = "tolerated"  # it failed, and its onFailure lets the call go on
SKIPPED: Final = "skipped"  # its `when` did not hold
UNDONE: Final = "undone"
NOT_UNDONE: Final = "not-undone"


class StepRecord:
    """What came of one step. Shapes: undo is "" while there is nothing to undo. Units: us is the time of its call."""

    __slots__ = ("name", "outcome", "reason", "retries", "status", "undo", "undo_reason", "undo_tries", "us")

    def __init__(self, name: str) -> None:
        """Not begun."""
        self.name = name
        self.outcome = NOT_RUN
        self.reason = ""
        self.status = 0
        self.retries = 0
        self.us = 0
        self.undo = ""
        self.undo_reason = ""
        self.undo_tries = 0

    @property
    def words(self) -> str:
        """The record in a few words, for logs: `withdraw done 201 3 ms, undone`."""
        parts = [self.name, self.outcome]
        if self.status:
            parts.append(str(self.status))
        if self.us:
            parts.append(f"{self.us // 1000} ms")
        if self.retries:
            parts.append(f"sent again {self.retries} times")
        undo = f", {self.undo} after {self.undo_tries}" if self.undo else ""
        return " ".join(parts) + undo + (f" ({self.undo_reason})" if self.undo_reason else "")


class Failure:
    """Why a composition failed. Shapes: code is one of refusals.CODES or client-closed; step "" = none of them."""

    __slots__ = ("code", "detail", "status", "step")

    def __init__(self, code: str, step: str, detail: str, status: int = 0) -> None:
        """status 0 = the code's own."""
        self.code = code
        self.step = step
        self.detail = detail
        self.status = status


class Outcome:
    """Effect: the composition is over. Shapes: failure None = all went well; status, lines and body are the answer."""

    __slots__ = ("body", "calls", "failure", "lines", "records", "status")

    def __init__(
        self,
        records: list[StepRecord],
        calls: int,
        *,
        failure: Failure | None = None,
        status: int = 0,
        lines: list[bytes] | None = None,
        body: bytes = b"",
    ) -> None:
        """calls is how many were made in all."""
        self.records = records
        self.calls = calls
        self.failure = failure
        self.status = status
        self.lines = lines or []
        self.body = body

    @property
    def not_undone(self) -> tuple[str, ...]:
        """The steps that took effect, or may have, and still stand though the call failed."""
        return tuple(record.name for record in self.records if record.undo == NOT_UNDONE)

    @property
    def undone(self) -> tuple[str, ...]:
        """The steps that were undone."""
        return tuple(record.name for record in self.records if record.undo == UNDONE)

    def refusal(self) -> Refusal:
        """What a caller is told of a failure; what could not be undone comes first."""
        failure = self.failure or Failure("internal-error", "", "")
        members: list[tuple[str, object]] = []
        if failure.step:
            members.append(("step", failure.step))
        if self.undone:
            members.append(("undone", list(self.undone)))
        if not self.not_undone:
            code = failure.code if failure.code != "client-closed" else "internal-error"
            return Refusal(code, failure.detail, status=failure.status, members=tuple(members))
        members.append(("not_undone", list(self.not_undone)))
        return Refusal("not-undone", failure.detail, members=tuple(members))
