"""The schemas of two documents side by side: each pair is compared once, however many operations use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from apim.openapi.contract import Contract
from apim.openapi.differing.kinds import Direction
from apim.openapi.differing.ledger import Found, Ledger
from apim.openapi.differing.schemas import Pair, SchemaComparison
from apim.openapi.differing.work import NAMES, SCHEMAS, Work
from apim.openapi.values import Place

_Key = tuple[Place, Place, Direction]
_WORK_A_PAIR = 10


class SchemaWalk:
    """Collects the schemas that operations use, then follows them inwards. Circles end: a pair is visited once."""

    def __init__(self, before: Contract, after: Contract, work: Work) -> None:
        self._contracts = before, after
        self._work = work
        self._numbers: dict[_Key, int] = {}
        self._pairs: list[Pair] = []  # by their numbers, as all that follows
        self._users: list[list[Mapping[str, None]]] = []  # the groups of operations that use the pair themselves
        self._outer: list[list[int]] = []

    def use(self, pair: Pair, operations: Mapping[str, None]) -> None:
        """Notes that operations, which may become more until `tell`, use a pair of schemas."""
        self._users[self._number(pair)].append(operations)

    def tell(self, ledger: Ledger) -> None:
        """Puts what changed into the ledger, each with every operation that reaches it."""
        for number, changes in self._compared().items():
            operations = self._operations_above(number)
            for change in changes:
                ledger.add_all(change, operations, self._pairs[number].direction)

    def _number(self, pair: Pair) -> int:
        number = self._numbers.setdefault((pair.before.at, pair.after.at, pair.direction), len(self._pairs))
        if number == len(self._pairs):
            self._pairs.append(pair)
            self._users.append([])
            self._outer.append([])
        return number

    def _compared(self) -> dict[int, list[Found]]:
        """The changes of each pair that has any."""
        found: dict[int, list[Found]] = {}
        seen: set[int] = set()
        waiting = [*reversed(range(len(self._pairs)))]
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            if not self._work.take(_WORK_A_PAIR, SCHEMAS):
                break
            comparison = SchemaComparison(self._contracts, self._pairs[number], self._work)
            if changes := list(comparison.changes()):
                found[number] = changes
            inner = [self._number(one) for one in comparison.inner]
            for one in inner:
                self._outer[one].append(number)
            waiting += [one for one in reversed(inner) if one not in seen]
        return found

    def _operations_above(self, number: int) -> Collection[str]:
        """The operations from whose schemas the pair is reached; none when finding out takes too long."""
        seen, waiting = {number}, [number]
        operations: dict[str, None] = {}
        while waiting:
            one = waiting.pop()
            users, outer = self._users[one], self._outer[one]
            if not self._work.take(1 + (sum(map(len, users)) + len(outer)) // 8, NAMES):
                return ()
            for names in users:
                operations |= names
            above = [each for each in outer if each not in seen]
            seen.update(above)
            waiting += above
        return operations
