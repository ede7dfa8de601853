"""Why a backup cannot be made or used."""

from __future__ import annotations


class BackupRefused(Exception):
    """A sentence for who asked, and what to do about it. Nothing has changed when it is raised."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
