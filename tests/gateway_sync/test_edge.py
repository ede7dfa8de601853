from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_sync.compiler import compile_snapshot
from gateway_sync.rows import CertificateRow, HostRow, TargetRow
from gateway_sync.runtime.sealing import UnsealFailed, seal, unseal
from gateway_sync.snapshot import EDGE_FRAGMENT, decode, encode
from tests.golden.cases import ROOT, read_rows

BANK = read_rows(ROOT / "bank" / "rows.yaml")
CERTIFICATE = CertificateRow("cert_1", "public", "", "chain", "sealed", ("api.example.com",))


def compile_hosts(*hosts: HostRow) -> tuple[list[str], object]:
    environment = replace(BANK.environment, certificates=(CERTIFICATE,), hosts=hosts)
    compiled = compile_snapshot(replace(BANK, environment=environment), {})
    codes = [problem.code for problem in compiled.problems if problem.code.startswith("host.")]
    return codes, compiled.snapshot.edge.hosts


def test_a_state_without_certificates_and_hosts_has_no_edge() -> None:
    assert EDGE_FRAGMENT not in compile_snapshot(BANK, {}).fragments


def test_an_edge_comes_back_from_its_bytes() -> None:
    environment = replace(BANK.environment, certificates=(CERTIFICATE,), hosts=(HostRow("host_1", "api.example.com"),))
    compiled = compile_snapshot(replace(BANK, environment=environment), {})

    assert encode(compiled.snapshot) == compiled.fragments
    assert decode(compiled.fragments).edge == compiled.snapshot.edge


def test_a_host_stands_for_an_api_or_a_version() -> None:
    codes, hosts = compile_hosts(
        HostRow("host_1", "a.example.com", "bank", "v1", "/x/"), HostRow("host_2", "b.example.com", "bank")
    )

    assert codes == []
    assert [(host.prefix, host.base_path) for host in hosts] == [("/bank/v1", "/x"), ("/bank", "")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (HostRow("host_1", "a.example.com", "nothing"), "host.W001"),
        (HostRow("host_1", "a.example.com", "bank", "v9"), "host.W002"),
        (HostRow("host_1", "a.example.com", client_certificates="maybe", client_ca="x"), "host.W003"),
        (HostRow("host_1", "a.example.com", client_certificates="required"), "host.W004"),
    ],
)
def test_a_host_that_serves_nothing_is_told_of_and_stays_closed(host: HostRow, code: str) -> None:
    codes, hosts = compile_hosts(host)

    assert codes == [code]
    (kept,) = hosts  # type: ignore[misc]
    assert kept.prefix or kept.client_certificates == "required"


def test_what_is_sealed_opens_for_its_key_and_context_only() -> None:
    key = bytes(range(64))
    sealed = seal(key, b"secret", "cert_1")

    assert sealed == seal(key, b"secret", "cert_1")
    assert unseal(key, sealed, "cert_1") == b"secret"
    for wrong in ((key, "cert_2"), (bytes(64), "cert_1"), (b"", "cert_1")):
        with pytest.raises(UnsealFailed):
            unseal(wrong[0], sealed, wrong[1])


def tls_codes(*, url: str = "https://127.0.0.1:9443", allows: bool = False, **tls: object) -> set[str]:
    return codes_of({"tls": tls}, url=url, allows=allows)


def codes_of(settings: dict[str, object], *, url: str = "http://127.0.0.1:9080", allows: bool = False) -> set[str]:
    (api,) = [api for api in BANK.apis if api.name == "bank"]
    version = api.versions[0]
    upstream = replace(version.upstream, targets=(TargetRow(url),), settings=settings)
    api = replace(api, organization_id="org_1", versions=(replace(version, upstream=upstream),))
    certificates = (replace(CERTIFICATE, name="ours", organization_id="org_1"), CERTIFICATE)
    environment = replace(BANK.environment, certificates=certificates, allow_unverified_upstreams=allows)
    compiled = compile_snapshot(replace(BANK, environment=environment, apis=(api,)), {})
    return {problem.code for problem in compiled.problems if problem.code.startswith(("upstream.", "tls."))}


def test_a_version_that_may_not_be_called_so_is_not_served() -> None:
    for tls in ({"verify": False}, {"clientCertificate": "public"}):
        (api,) = [api for api in BANK.apis if api.name == "bank"]
        targets = (TargetRow("https://127.0.0.1:9443"),)
        upstream = replace(api.versions[0].upstream, targets=targets, settings={"tls": tls})
        api = replace(api, versions=(replace(api.versions[0], upstream=upstream),))

        assert compile_snapshot(replace(BANK, apis=(api,)), {}).snapshot.apis == ()


def test_an_upstream_may_go_unverified_only_where_the_environment_allows_it() -> None:
    assert tls_codes(verify=False) == {"upstream.E011"}
    assert tls_codes(verify=False, allows=True) == set()


def test_only_certificates_of_the_own_organization_are_shown_to_services() -> None:
    assert tls_codes(clientCertificate="ours") == set()
    assert tls_codes(clientCertificate="public") == {"upstream.E012"}
    assert tls_codes(clientCertificate="nothing") == {"upstream.E012"}


def test_settings_that_cannot_be_are_told() -> None:
    assert tls_codes(ca="hello") == {"tls.E002"}
    assert tls_codes(serverName="a b") == {"tls.E002"}
    assert tls_codes(minimumVersion="1.1") == {"tls.E002"}
    assert tls_codes(url="http://127.0.0.1:9080") == {"upstream.W001"}


def test_health_checks_and_http_2_must_agree() -> None:
    assert codes_of({"http": {"version": "2"}, "healthCheck": {}}) == {"upstream.E013"}
    assert codes_of({"http": {"version": "2"}, "healthCheck": {"protocol": "tcp"}}) == set()
    assert codes_of({"http": {"version": "1.1"}, "healthCheck": {}}) == set()
