"""Kind: what makes a module a policy kind, ours and those of installed packages alike.

A module has DESCRIPTION, POLICY (its frozen dataclass), parse and dump; docs/howto/write-a-policy-kind.md tells the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from gateway_sync.policies.descriptions import Description
from gateway_sync.policies.views import RouteFacts
from gateway_sync.problems import Problem, Where

Settings = Mapping[str, object]


def _same(policy: object, _route: RouteFacts) -> object:
    return policy


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Shapes: policy is the class of its values; parse gives one from its own settings; dump writes it back, canonical;
    bind makes of a policy what acts on one route, or None when it has nothing to do there.
    """

    name: str
    description: Description
    policy: type
    parse: Callable[[Settings, Where], tuple[object | None, tuple[Problem, ...]]]
    dump: Callable[..., Mapping[str, object]]
    bind: Callable[..., object | None] = _same


def kind_of(module: ModuleType) -> Kind:
    """The kind that a module is. Errors: AttributeError when it misses a part."""
    description: Description = module.DESCRIPTION
    return Kind(description.kind, description, module.POLICY, module.parse, module.dump, getattr(module, "bind", _same))
