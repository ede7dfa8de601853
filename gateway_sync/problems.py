"""Problem: what is wrong with a configured object, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """The row at fault: its kind ("version", "plan", "policy", ...) and id, and the field within it."""

    kind: str
    id: str
    field: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault in a configuration. A value, never an exception: the rest of the state goes on.

    Shapes: code is `<policy kind or noun>.E<number>` for errors and `.W<number>` for warnings.
    """

    code: str
    message: str
    where: Where
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """True when the object cannot be used as it stands."""
        return ".E" in self.code
