"""Comparisons made ahead: a transaction that publishes holds locks, and comparing two documents may take seconds.

Owns: which comparisons a transaction asked for, and doing it again once they are there. Must not know: what they mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from django.db import transaction
from django.utils.translation import gettext

from apim.catalog.judging import compare_for_callers, known_comparison
from apim.catalog.models import Revision
from apim.errors import Conflict
from apim.openapi.differing import Comparison

Result = TypeVar("Result")

ROUNDS_AT_MOST: Final = 5


@dataclass(slots=True)
class Comparisons:
    """Those that are known, and those that a transaction asked for before they were."""

    _known: dict[tuple[str, str], Comparison] = field(default_factory=dict)
    _wanted: dict[tuple[str, str], tuple[Revision, Revision]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """True when every answer so far was a real one."""
        return not self._wanted

    def of(self, before: Revision, after: Revision) -> Comparison:
        """What compare_for_callers gives; an empty comparison, and a note that it is wanted, while it is not known."""
        key = (before.digest, after.digest)
        if key not in self._known:
            known = known_comparison(before, after)
            if known is None:
                self._wanted[key] = before, after
                return Comparison(())
            self._known[key] = known
        return self._known[key]

    def make(self) -> None:
        """Makes what is wanted. Outside of any transaction."""
        for key, pair in self._wanted.items():
            self._known[key] = compare_for_callers(*pair)
        self._wanted.clear()


def compared_ahead(act: Callable[[Comparisons], Result]) -> Result:
    """What act gives, in a transaction of its own in which nothing is compared.

    When act asks for a comparison that is not known, the transaction is taken back, the comparison made, and act run
    again. So act must do nothing that a rollback does not undo.
    Errors: those of act; Conflict catalog.outrun when others publish faster than documents are compared.
    """
    comparisons = Comparisons()
    for _ in range(ROUNDS_AT_MOST):
        with transaction.atomic():
            result = act(comparisons)
            if not comparisons.is_complete:
                transaction.set_rollback(True)
        if comparisons.is_complete:
            return result
        comparisons.make()
    message = gettext("Others publish versions of the same API faster than the documents can be compared.")
    raise Conflict("catalog.outrun", message, hint=gettext("Try again when they are done."))
