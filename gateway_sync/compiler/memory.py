"""Memory: the APIs of one compilation with all that each was made of, so that the next one makes only what differs.

Owns: what an API depends on. What is remembered is used where every input is the same, never by a guess of what may
have changed; so a state compiled with a memory equals one compiled without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from gateway_sync.problems import Problem
from gateway_sync.rows import APIRow, EnvironmentRow, ProductRow
from gateway_sync.snapshot import API

_TOKENS = "jwt"

Opened = tuple[tuple[str, tuple[str, ...]], ...]  # products with the patterns of their items, of one version


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that an API is made of.

    Shapes: last is the text of the form in force, which matters to an API with errors alone.
    """

    row: APIRow
    environment: str
    opened: tuple[Opened, ...]
    last: str

    def is_same_as(self, other: Inputs) -> bool:
        """Whether both lead to the same, where neither has errors."""
        is_same = self.environment == other.environment and self.opened == other.opened
        return is_same and is_same_value(self.row, other.row)


@dataclass(frozen=True, slots=True)
class Made:
    """What inputs led to. Shapes: api None = nothing of it can be served."""

    inputs: Inputs
    api: tuple[API, bytes] | None
    problems: tuple[Problem, ...]


class Memory:
    """What the last compilation made. Not for two compilations at one time."""

    def __init__(self) -> None:
        """Nothing is remembered."""
        self._made: dict[str, Made] = {}
        self.remade = 0  # APIs that the last compilation made anew

    def find(self, inputs: Inputs) -> Made | None:
        """What these inputs led to, where that is known."""
        made = self._made.get(inputs.row.id)
        if made is None or not made.inputs.is_same_as(inputs):
            return None
        is_broken = made.api is None or any(problem.is_error for problem in made.problems)
        return None if is_broken and made.inputs.last != inputs.last else made

    def keep(self, made: Iterable[Made], remade: int) -> None:
        """Remember these, and nothing else."""
        self._made = {each.inputs.row.id: each for each in made}
        self.remade = remade


class Dependencies:
    """What APIs share, made comparable."""

    def __init__(self, environment: EnvironmentRow, products: Iterable[ProductRow]) -> None:
        """Shapes: repr tells 1, 1.0 and True apart, which == does not."""
        certificates = tuple((one.name, one.organization_id) for one in environment.certificates)
        edgeless = replace(
            environment, address_rate_per_s=0, address_burst=0, portal_url="", gateways=0, hosts=(), certificates=()
        )
        self._tokens = repr((edgeless, certificates))
        self._plain = repr((replace(edgeless, issuers=(), issuer_keys=()), certificates))
        self._opened: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for product in sorted(products, key=lambda row: row.id):
            for item in product.items:
                self._opened.setdefault(item.version_id, []).append((product.id, tuple(item.operations)))

    def inputs(self, row: APIRow, last: str) -> Inputs:
        """What the API depends on; keys of issuers only where it reads tokens."""
        reads_tokens = any(policy.kind == _TOKENS for version in row.versions for policy in version.policies)
        opened = tuple(tuple(self._opened.get(version.id, ())) for version in row.versions)
        return Inputs(row, self._tokens if reads_tokens else self._plain, opened, last)


def is_same_value(one: object, other: object) -> bool:
    """Whether nothing tells parts of rows apart: unlike ==, neither 1 from 1.0 and True, nor an order of keys."""
    if one is other:  # most of what was remembered is the same object
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(is_same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(is_same_value, one.values(), other.values()))
    if is_dataclass(one):
        return all(is_same_value(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return one == other


def opened_versions(inputs: Inputs) -> Mapping[str, Opened]:
    """What products open of each version of the API."""
    return {version.id: opened for version, opened in zip(inputs.row.versions, inputs.opened, strict=True)}
