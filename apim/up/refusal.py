"""Why a start is refused: one sentence for people."""

from __future__ import annotations


class RefusalError(Exception):
    """The start cannot go on. The message is one complete sentence that says what to do."""
