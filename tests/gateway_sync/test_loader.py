"""What no gateway would load is held back part by part where it is compiled, and others move on (R4, C9, H26)."""

from __future__ import annotations

from dataclasses import replace

from gateway_sync.compiler import Compiled, compile_snapshot
from gateway_sync.rows import HostRow, TargetRow, UpstreamRow, VersionRow
from gateway_sync.runtime.rehearsal import Rehearsal
from gateway_sync.snapshot import Environment
from tests.gateway_sync.builders import KEY, UNREADABLE, api_row, environment_row, rows, version_row

OTHER = api_row(version_row("GET /other", id="ver_2"), id="api_2", name="other")
POISON = environment_row(forbidden_addresses=("127.0.0.1:²",))  # the compiler looks at it no further


def compiled(version: VersionRow, before: Compiled | None = None, **fields: object) -> Compiled:
    """A state of two APIs, the first of which has this version, as it is published."""
    kept = {name: content.decode() for name, content in before.fragments.items()} if before else {}
    return compile_snapshot(rows(api_row(version), OTHER, **fields), kept, None, Rehearsal(KEY))  # type: ignore[arg-type]


def unreadable(*operations: str) -> VersionRow:
    """A version whose authorities look like certificates, and are none."""
    upstream = UpstreamRow((TargetRow("https://127.0.0.1:9101"),), settings={"tls": {"ca": UNREADABLE}})
    return replace(version_row(*operations), upstream=upstream)


def test_a_version_that_no_gateway_loads_is_served_as_it_last_was_and_is_named() -> None:
    good = compiled(version_row("GET /a"))
    told = compiled(unreadable("GET /b"), good)
    assert told.fragments == good.fragments
    (problem,) = told.problems
    assert (problem.code, problem.where.id, problem.where.field) == (
        "version.E005",
        "ver_1",
        "versions.v1.upstream.tls",
    )
    assert "bank/v1" in problem.message


def test_a_first_version_that_no_gateway_loads_is_left_out_and_others_are_served() -> None:
    assert [api.name for api in compiled(unreadable("GET /b")).snapshot.apis] == ["other"]


def test_an_environment_that_no_gateway_loads_stays_as_it_was() -> None:
    good = compiled(version_row("GET /a"))
    told = compiled(version_row("GET /b"), good, environment=POISON)
    assert "environment.E006" in {problem.code for problem in told.problems}
    assert told.snapshot.environment == good.snapshot.environment
    assert told.snapshot.apis[0].versions[0].routes[0].id == "GET /b"


def test_a_first_environment_that_no_gateway_loads_reaches_nothing() -> None:
    environment: Environment = compiled(version_row("GET /b"), environment=POISON).snapshot.environment
    assert (environment.allowed_networks, environment.allow_public_networks) == ((), False)


def test_a_host_whose_authorities_nobody_can_read_lets_nobody_in_and_others_stay() -> None:
    hosts = (
        HostRow("hst_1", "a.example", client_certificates="optional", client_ca=UNREADABLE),
        HostRow("hst_2", "b.example"),
        HostRow("hst_3", "B.example"),
    )
    told = compiled(version_row("GET /a"), environment=environment_row(hosts=hosts))
    assert {problem.code for problem in told.problems} == {"host.E001", "host.E002"}
    assert [(host.name, host.client_certificates, host.client_ca) for host in told.snapshot.edge.hosts] == [
        ("b.example", "off", ""),
        ("a.example", "required", ""),
    ]
