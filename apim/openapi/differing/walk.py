"""The schemas of two documents side by side: each pair is compared once, however many operations use it."""

from __future__ import annotations

from collections import defaultdict

from apim.openapi.contract import Contract, Place
from apim.openapi.differing.kinds import Direction
from apim.openapi.differing.ledger import Found, Ledger
from apim.openapi.differing.schemas import Pair, SchemaComparison

PAIRS_AT_MOST = 200_000
STEPS_AT_MOST = 5_000_000
_Key = tuple[Place, Place, Direction]


class SchemaWalk:
    """Collects the schemas that operations use, then follows them inwards. Circles end: a pair is visited once."""

    def __init__(self, before: Contract, after: Contract) -> None:
        self._contracts = before, after
        self._steps_left = STEPS_AT_MOST
        self._roots: dict[_Key, tuple[Pair, dict[str, None]]] = {}

    def use(self, pair: Pair, operation: str) -> None:
        """Notes that an operation uses a pair of schemas."""
        _, operations = self._roots.setdefault(_key(pair), (pair, {}))
        operations[operation] = None

    def tell(self, ledger: Ledger) -> None:
        """Puts what changed into the ledger, each with every operation that reaches it."""
        found, inner = self._compared()
        outer: dict[_Key, list[_Key]] = defaultdict(list)
        for key, keys in inner.items():
            for one in keys:
                outer[one].append(key)
        for key, changes in found.items():
            operations = self._operations_above(key, outer)
            for change in changes:
                for operation in operations:
                    ledger.add(change, operation, key[2])

    def _compared(self) -> tuple[dict[_Key, list[Found]], dict[_Key, list[_Key]]]:
        """(the changes of each pair that has any, the pairs within each pair)."""
        waiting = [pair for pair, _ in reversed(self._roots.values())]
        found: dict[_Key, list[Found]] = {}
        inner: dict[_Key, list[_Key]] = {}
        while waiting and len(inner) < PAIRS_AT_MOST:
            pair = waiting.pop()
            key = _key(pair)
            if key in inner:
                continue
            comparison = SchemaComparison(self._contracts, pair)
            if changes := list(comparison.changes()):
                found[key] = changes
            inner[key] = [_key(one) for one in comparison.inner]
            waiting += reversed(comparison.inner)
        return found, inner

    def _operations_above(self, key: _Key, outer: dict[_Key, list[_Key]]) -> list[str]:
        """The operations from whose schemas the pair is reached; every one when finding out takes too long."""
        seen, waiting = {key}, [key]
        operations: dict[str, None] = {}
        while waiting:
            one = waiting.pop()
            if one in self._roots:
                operations |= self._roots[one][1]
            above = [each for each in outer.get(one, ()) if each not in seen]
            self._steps_left -= 1 + len(above)
            if self._steps_left < 0:
                return list({name: None for _, names in self._roots.values() for name in names})
            seen.update(above)
            waiting += above
        return list(operations)


def _key(pair: Pair) -> _Key:
    return pair.before.at, pair.after.at, pair.direction
