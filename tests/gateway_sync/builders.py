"""Rows and routes for tests: keyword defaults, so that a test names only what it is about."""

from __future__ import annotations

from gateway_sync.compiler import Compiled
from gateway_sync.rows import (
    APIRow,
    EnvironmentRow,
    OperationRow,
    PlanVersionRow,
    PolicyRow,
    ProductRow,
    Rows,
    TargetRow,
    UpstreamRow,
    VersionRow,
)
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.snapshot import (
    API,
    Environment,
    Products,
    Route,
    Target,
    Version,
)


def environment_row(**fields: object) -> EnvironmentRow:
    """An environment that allows loopback."""
    values: dict[str, object] = {
        "id": "env_1",
        "name": "default",
        "allowed_networks": ("127.0.0.0/8",),
        "allow_public_networks": True,
        "forbidden_addresses": ("127.0.0.1:8000",),
        "address_rate_per_s": 500,
        "address_burst": 1000,
        "policies": (),
    }
    return EnvironmentRow(**(values | fields))  # type: ignore[arg-type]


def version_row(*operations: str, upstream: str = "http://127.0.0.1:9101", **fields: object) -> VersionRow:
    """A published version with operations written like "GET /accounts"."""
    values: dict[str, object] = {
        "id": "ver_1",
        "name": "v1",
        "state": "published",
        "revision": 1,
        "operations": tuple(OperationRow(*operation.split(" ", 1)) for operation in operations),
        "passthrough_methods": (),
        "passthrough_prefix": "",
        "base_path": "",
        "upstream": UpstreamRow((TargetRow(upstream),)),
        "policies": (),
    }
    return VersionRow(**(values | fields))  # type: ignore[arg-type]


def api_row(*versions: VersionRow, **fields: object) -> APIRow:
    """An API with these versions."""
    values: dict[str, object] = {"id": "api_1", "name": "bank", "organization_id": "org_1", "key_header": "X-API-Key"}
    return APIRow(**(values | {"versions": versions} | fields))  # type: ignore[arg-type]


def rows(
    *apis: APIRow,
    products: tuple[ProductRow, ...] = (),
    plans: tuple[PlanVersionRow, ...] = (),
    environment: EnvironmentRow | None = None,
) -> Rows:
    """A whole state."""
    return Rows(environment or environment_row(), apis, products, plans)


def policy_row(kind: str, **settings: object) -> PolicyRow:
    """A policy as its owner wrote it."""
    return PolicyRow(kind, settings)


def index_of(routes: list[tuple[str, str]]) -> Index:
    """An index of these routes, (method, template), of one version below /a/v1; the id of each is both."""
    made = tuple(Route(f"{method} {template}", method, template, ()) for method, template in routes)
    target = Target("http", "127.0.0.1", 9101, "", 1)
    version = Version("ver_1", "v1", "published", 1, (target,), 1000, (), made, 0, 0, "", "")
    index = Index(Environment("env_1", "default", (), True, (), 500, 1000, ()), Products((), ()), 1, "")  # noqa: FBT003 - as declared
    for _ in build_index(index, (API("api_1", "a", "org_1", "X-API-Key", (version,)),)):
        pass
    return index


def text(compiled: Compiled) -> dict[str, str]:
    """The fragments of what was compiled, by name."""
    return {name: content.decode() for name, content in compiled.fragments.items()}


UNREADABLE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = b"k" * 64
