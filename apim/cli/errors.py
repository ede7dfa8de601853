"""What the command says when it cannot do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CLIError(Exception):
    """A refusal in words, with what to do about it.

    Shapes: details = further lines, such as one for each field at fault; problem = the members of the answer that
    refused it, {} when none did.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        request_id: str = "",
        details: tuple[str, ...] = (),
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.request_id = request_id
        self.details = details
        self.problem = problem or {}
