"""The edge: certificates and host names, and what upstreams ask of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway_sync.compiler.loader import Loader, Trusting, told
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, HostRow
from gateway_sync.snapshot import API, Certificate, Challenge, Edge, Host

_CLIENT_CERTIFICATES = ("off", "optional", "required")
_CHALLENGE_PARTS = 2  # token and answer


def compile_edge(
    row: EnvironmentRow, apis: Iterable[API], last: Edge | None = None, loader: Loader | None = None
) -> tuple[Edge, list[Problem]]:
    """The certificates and hosts of an environment, and what is wrong with them. Shapes: last is the edge in force.

    Shapes: a host whose API or version is not deployed here is kept and answers 404: its redirect, HSTS and client
    certificates hold, and nothing else is served under its name by mistake.
    """
    deployed = {api.name: {version.name for version in api.versions} for api in apis}
    loader = loader or Trusting()
    certificates, problems = _certificates(row, {one.id: one for one in last.certificates} if last else {}, loader)
    hosts: dict[str, Host] = {}
    for host in sorted(row.hosts, key=lambda host: host.name):
        problems += _host_problems(host, deployed)
        compiled = _compile_host(host)
        if compiled.name in hosts:
            message = f"Another host is named {compiled.name}, which is used."
            problems.append(Problem("host.E001", message, Where("host", host.id, "name")))
            continue
        if faults := loader.host(compiled):
            problems += told(faults, "host.E002", f"the host {compiled.name}", Where("host", host.id))
            compiled = replace(compiled, client_certificates="required", client_ca="")  # nobody rather than anybody
        hosts[compiled.name] = compiled
    challenges = tuple(
        Challenge(host.name.lower(), *host.challenge)
        for host in sorted(row.hosts, key=lambda host: host.name)
        if len(host.challenge) == _CHALLENGE_PARTS
    )
    return Edge(certificates, tuple(hosts.values()), challenges), problems


def _certificates(
    row: EnvironmentRow, last: Mapping[str, Certificate], loader: Loader
) -> tuple[tuple[Certificate, ...], list[Problem]]:
    """Each as it is; one that cannot be shown as it last was, else as it is: gateways pass over it."""
    certificates: list[Certificate] = []
    problems: list[Problem] = []
    for one in sorted(row.certificates, key=lambda one: one.name):
        made = Certificate(one.id, one.name, one.organization_id, one.chain, one.sealed_key, tuple(one.hosts))
        kept = last.get(one.id)
        if faults := loader.certificate(made):
            problems += told(faults, "certificate.E001", f"the certificate {one.name}", Where("certificate", one.id))
            made = kept if kept is not None and not loader.certificate(kept) else made
        certificates.append(made)
    return tuple(certificates), problems


def _compile_host(row: HostRow) -> Host:
    prefix = "".join(f"/{part}" for part in (row.api, row.version) if part)
    is_known = row.client_certificates in _CLIENT_CERTIFICATES
    return Host(
        name=row.name.lower(),
        prefix=prefix,
        base_path=row.base_path.rstrip("/") if row.api else "",
        is_redirected_to_https=row.is_redirected_to_https,
        hsts_max_age_s=max(0, row.hsts_max_age_s),
        client_certificates=row.client_certificates if is_known else "required",  # rather nobody than anybody
        client_ca=row.client_ca,
    )


def _host_problems(row: HostRow, deployed: dict[str, set[str]]) -> Iterable[Problem]:
    if row.api and row.api not in deployed:
        where = Where("host", row.id, "api")
        yield Problem("host.W001", f'The API "{row.api}" of {row.name} is not deployed here.', where)
    elif row.version and row.version not in deployed[row.api]:
        where = Where("host", row.id, "version")
        yield Problem("host.W002", f'{row.api} has no version "{row.version}" here, which {row.name} serves.', where)
    if row.client_certificates not in _CLIENT_CERTIFICATES:
        where = Where("host", row.id, "client_certificates")
        yield Problem("host.W003", f'"{row.client_certificates}" is taken as "required".', where)
    if row.client_certificates != "off" and not row.client_ca:
        where = Where("host", row.id, "client_ca")
        yield Problem("host.W004", f"No authority vouches for the client certificates of {row.name}.", where)
