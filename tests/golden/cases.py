"""Reading golden cases: rows.yaml with its defaults, as the compiler's input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml12

from gateway_sync.compiler import Compiled, compile_snapshot
from gateway_sync.rows import Rows

ROOT = Path(__file__).parent

_ENVIRONMENT = {
    "id": "env_1",
    "name": "default",
    "allowed_networks": ["127.0.0.0/8", "10.0.0.0/8"],
    "allow_public_networks": True,
    "forbidden_addresses": ["127.0.0.1:8000"],
    "address_rate_per_s": 500,
    "address_burst": 1000,
    "policies": [],
}
_VERSION = {
    "name": "v1",
    "state": "published",
    "revision": 1,
    "operations": [],
    "passthrough_methods": [],
    "passthrough_prefix": "",
    "base_path": "",
    "policies": [],
}
_API = {"organization_id": "org_1", "key_header": "X-API-Key"}
_PLAN = {"number": 1, "rate": None, "quotas": []}


@dataclass(frozen=True, slots=True)
class Case:
    """A folder of this directory."""

    name: str
    folder: Path

    def compile(self) -> Compiled:
        """What the compiler makes of the case, after what was published before."""
        before = self.folder / "before.yaml"
        last_good = {}
        if before.exists():
            first = compile_snapshot(read_rows(before), {})
            last_good = {name: content.decode() for name, content in first.fragments.items()}
        return compile_snapshot(read_rows(self.folder / "rows.yaml"), last_good)


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [Case(path.parent.name, path.parent) for path in sorted(ROOT.glob("*/rows.yaml"))]


def read_rows(path: Path) -> Rows:
    """The rows that a YAML file describes; operations are written like `GET /accounts`, targets as URLs."""
    written = yaml12.read_yaml(path)
    apis = []
    for api in written.get("apis", []):
        versions = [_version(_VERSION | version) for version in api["versions"]]
        apis.append(_API | api | {"versions": sorted(versions, key=lambda version: version["id"])})
    state = {
        "environment": _policies(_ENVIRONMENT | written.get("environment", {})),
        "apis": apis,
        "products": written.get("products", []),
        "plans": [_PLAN | plan for plan in written.get("plans", [])],
    }
    return msgspec.convert(state, Rows)


def _version(version: dict[str, Any]) -> dict[str, Any]:
    operations = [dict(zip(("method", "path"), text.split(" ", 1), strict=True)) for text in version["operations"]]
    targets = [target if isinstance(target, dict) else {"url": target} for target in version["upstream"]["targets"]]
    return _policies(version | {"operations": operations, "upstream": version["upstream"] | {"targets": targets}})


def _policies(thing: dict[str, Any]) -> dict[str, Any]:
    pairs = [pair for policy in thing["policies"] for pair in policy.items()]
    return thing | {"policies": [{"kind": kind, "settings": settings} for kind, settings in pairs]}
