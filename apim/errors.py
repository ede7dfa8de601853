"""The typed errors that services raise.

Owns: what went wrong, in words and as a code. Must not know: HTTP, forms, pages; those map an error in one file each.
"""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """A refusal that its caller can mend.

    Shapes: code is `<app>.<reason>` and never translated; field names the input at fault, dotted for nested input;
    evidence = what else a program is told, by name.
    """

    def __init__(
        self, code: str, message: str, *, hint: str = "", field: str = "", evidence: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.evidence = evidence or {}


class Invalid(DomainError):
    """The input breaks a rule."""


class Forbidden(DomainError):
    """The actor may see the object but not do this to it."""


class NotFound(DomainError):
    """There is no such object, or the actor may not know of it."""


class Conflict(DomainError):
    """The state of the object does not allow this now."""


class Problems(Invalid):
    """Several rules are broken at once; `errors` names each."""

    def __init__(self, errors: tuple[DomainError, ...]) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, hint=first.hint, field=first.field)
        self.errors = errors
