"""Budget: bytes that a worker lends to many calls at a time, so that no number of them takes all of its memory."""

from __future__ import annotations

from typing import Final

SHARES: Final = 4  # of a budget; nobody has more than one of them at a time
LEAST_SHARE: Final = 17 << 20  # so that one body of the largest size that is ever collected fits


class Budget:
    """Counts what is lent, and to whom. Whoever takes gives back, whatever becomes of the call."""

    __slots__ = ("_lent", "held", "most", "refused")

    def __init__(self, most: int) -> None:
        """Nothing is lent yet. Units: bytes."""
        self.most = most
        self.held = 0
        self.refused = 0
        self._lent: dict[str, int] = {}

    @property
    def is_spent(self) -> bool:
        """True when all of it is lent, or more."""
        return self.held >= self.most

    def take(self, size: int, subject: str = "") -> bool:
        """True when size more may be kept for subject, "" = for nobody in particular; they are lent then."""
        if self.held + size > self.most:
            self.refused += 1
            return False
        if subject:
            lent = self._lent.get(subject, 0) + size
            if lent > max(self.most // SHARES, LEAST_SHARE):
                self.refused += 1
                return False
            self._lent[subject] = lent
        self.held += size
        return True

    def give(self, size: int, subject: str = "") -> None:
        """Take back what was lent."""
        self.held -= size
        if subject:
            left = self._lent.get(subject, 0) - size
            if left > 0:
                self._lent[subject] = left
            else:
                self._lent.pop(subject, None)


class Loan:
    """What one call has of a budget."""

    __slots__ = ("_budget", "_subject", "size")

    def __init__(self, budget: Budget, subject: str) -> None:
        """Nothing yet."""
        self._budget = budget
        self._subject = subject
        self.size = 0

    def grow(self, size: int) -> bool:
        """True when size more are lent."""
        if not self._budget.take(size, self._subject):
            return False
        self.size += size
        return True

    def end(self) -> None:
        """Give all of it back; a second time nothing."""
        size, self.size = self.size, 0
        if size:
            self._budget.give(size, self._subject)
