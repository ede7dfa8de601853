"""What of a state the gateways of one group get."""

from __future__ import annotations

from dataclasses import replace

from gateway_sync.compiler import compile_snapshot, for_group
from gateway_sync.rows import CertificateRow, HostRow
from gateway_sync.snapshot import Snapshot, decode
from tests.gateway_sync.builders import api_row, environment_row, rows, version_row

CERTIFICATES = (
    CertificateRow("cert_1", "public", "", "chain", "sealed", ("a.example.com",)),
    CertificateRow("cert_2", "ledger", "", "chain", "sealed", ("ledger.example.com",)),
    CertificateRow("cert_3", "client", "org_2", "chain", "sealed", ()),
)
HOSTS = (HostRow("host_1", "a.example.com"), HostRow("host_2", "ledger.example.com", "ledger"))
BANK = api_row(version_row("GET /a"), version_row("GET /a", id="ver_2", name="v2"))
LEDGER = api_row(version_row("GET /l", id="ver_3"), id="api_2", name="ledger", organization_id="org_2")
COMPILED = compile_snapshot(
    replace(rows(BANK, LEDGER), environment=environment_row(certificates=CERTIFICATES, hosts=HOSTS)), {}
)


def sent(group: str, **bindings: tuple[str, ...]) -> Snapshot:
    fragments, _ = for_group(COMPILED.fragments, group, bindings, lambda sealed, key: f"{group}:{sealed}:{key}")
    return decode(fragments)


def test_a_version_that_is_bound_to_no_group_is_in_every_one() -> None:
    fragments, problems = for_group(COMPILED.fragments, "edge", {}, lambda sealed, _: sealed)
    assert fragments == COMPILED.fragments
    assert problems == ()


def test_a_version_is_in_the_groups_it_is_bound_to_alone() -> None:
    bindings = {"ver_2": ("internal",), "ver_3": ("internal", "edge")}
    names = {
        group: [(api.name, version.name) for api in sent(group, **bindings).apis for version in api.versions]
        for group in ("", "edge", "internal")
    }
    assert names[""] == [("bank", "v1")]
    assert names["edge"] == [("bank", "v1"), ("ledger", "v1")]
    assert names["internal"] == [("bank", "v1"), ("bank", "v2"), ("ledger", "v1")]


def test_a_group_is_sent_the_secrets_it_needs_sealed_for_it() -> None:
    edge, internal = (sent(group, ver_3=("internal",)).edge for group in ("edge", "internal"))
    assert [(one.name, one.sealed_key) for one in edge.certificates] == [("public", "edge:sealed:cert_1")]
    assert [one.name for one in internal.certificates] == ["client", "ledger", "public"]
    assert len(edge.hosts) == len(internal.hosts) == 2, (
        "a host of what is served elsewhere answers 404, not another API"
    )


def test_a_composite_that_calls_what_its_group_does_not_serve_is_told_of() -> None:
    steps = {
        "steps": [{"name": "one", "service": "ledger/v1", "call": "GET /l"}],
        "answer": {"body": "{steps.one.body}"},
    }
    calling = api_row(version_row("GET /a", composites={"GET /a": steps}), organization_id="org_2")
    compiled = compile_snapshot(rows(calling, LEDGER), {})
    codes = [
        {each.code for each in for_group(compiled.fragments, group, {"ver_3": ("internal",)}, lambda *_: "")[1]}
        for group in ("edge", "internal")
    ]
    assert codes == [{"composite.W003"}, set()]
