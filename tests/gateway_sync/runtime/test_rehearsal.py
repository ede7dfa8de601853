"""What a gateway would refuse is told before it is published, by the gateway's own code (R4, H26)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from gateway_sync.runtime.rehearsal import Rehearsal
from gateway_sync.snapshot import (
    API,
    MAX_PATH_CHARACTERS,
    MAX_ROUTES_A_VERSION,
    MAX_TARGETS_A_VERSION,
    Certificate,
    Environment,
    Fault,
    Host,
    Plan,
    Policy,
    Quota,
    Route,
    Version,
)
from tests.gateway_sync.builders import KEY, UNREADABLE
from tests.wire.gateways import make_environment, make_version

ROUTE = Route("GET /a", "GET", "/a", ())


def host(asks: str, authorities: str) -> Host:
    """A host that asks its callers for certificates so."""
    fields = {
        "is_redirected_to_https": False,
        "hsts_max_age_s": 0,
        "client_certificates": asks,
        "client_ca": authorities,
    }
    return Host("a.example", "", "", **fields)  # type: ignore[arg-type]


def version_faults(version: Version, environment: Environment | None = None) -> list[Fault]:
    """Why no gateway would load a version."""
    api = API("api_1", "bank", "org_1", "X-API-Key", (version,))
    return list(Rehearsal(KEY).version(api, version, environment or make_environment()))


def test_what_gateways_can_use_has_no_faults() -> None:
    assert version_faults(make_version(9101)) == []
    assert Rehearsal(KEY).environment(make_environment()) == []
    assert Rehearsal(KEY).host(host("off", "")) == []
    assert Rehearsal(KEY).plan(Plan("pln_1", "free", 1, None, (Quota(5, "month"),), "UTC")) == []


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        (make_environment(allowed_networks=("no network",)), "allowed_networks"),
        (make_environment(forbidden_addresses=("127.0.0.1:²",)), "allowed_networks"),  # a digit, and no number
        (make_environment(name=" "), "name"),
        (make_environment(policies=(Policy("", {}),)), "policies.0"),
    ],
)
def test_an_environment_that_no_worker_can_use_is_told_with_its_field(environment: Environment, field: str) -> None:
    assert field in [fault.field for fault in Rehearsal(KEY).environment(environment)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda one: replace(one, routes=(ROUTE,) * (MAX_ROUTES_A_VERSION + 1)), "operations"),
        (lambda one: replace(one, targets=one.targets * (MAX_TARGETS_A_VERSION + 1)), "upstream"),
        (lambda one: replace(one, routes=(replace(ROUTE, path="/" + "a" * MAX_PATH_CHARACTERS),)), "operations"),
        (lambda one: replace(one, routes=(replace(ROUTE, method=""),)), "operations"),
        (lambda one: replace(one, targets=(replace(one.targets[0], host=""),)), "upstream.host"),
        (lambda one: replace(one, policies=(Policy("", {}),)), "policies.0"),
        (lambda one: replace(one, upstream={"tls": {"ca": UNREADABLE}},
                             targets=(replace(one.targets[0], scheme="https"),)), "upstream.tls"),
    ],
)  # fmt: skip
def test_a_version_that_no_gateway_loads_is_told_with_its_field(
    change: Callable[[Version], Version], field: str
) -> None:
    version = change(make_version(9101))
    assert [(fault.field, fault.is_fatal) for fault in version_faults(version)] == [
        (f"versions.{version.name}.{field}", True)
    ]


def test_a_policy_that_shuts_a_version_is_told_and_ends_no_loading() -> None:
    (fault,) = version_faults(make_version(9101, policies=(Policy("no-such", {}),)))
    assert not fault.is_fatal


def test_what_takes_too_long_to_load_is_refused() -> None:
    ticks = count(step=6)
    slow = Rehearsal(KEY, clock=lambda: float(next(ticks)))
    version = make_version(9101)
    (fault,) = slow.version(API("api_1", "bank", "org_1", "X-API-Key", (version,)), version, make_environment())
    assert "s to load" in fault.message
    assert fault.is_fatal


def test_authorities_and_certificates_that_nobody_can_read_are_told() -> None:
    assert Rehearsal(KEY).host(host("optional", UNREADABLE))
    assert Rehearsal(KEY).certificate(Certificate("crt_1", "default", "", UNREADABLE, "sealed", ("a.example",)))
