"""Policies as a compiler writes them, and calls that show what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway_sync.policies import read_policy, write_policy
from gateway_sync.problems import Where
from gateway_sync.snapshot import Policy
from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import RawClient, RawUpstream


def policies_of(written: Sequence[Mapping[str, Any]]) -> tuple[Policy, ...]:
    """The policies as a compiler writes them."""
    policies = []
    for entry in written:
        ((kind, settings),) = entry.items()
        policy, problems = read_policy(kind, settings, Where("version", "v"))
        assert policy is not None, problems
        policies.append(Policy(kind, write_policy(policy)))
    return tuple(policies)


def call(
    gateway: GatewayProcess, path: str, extra: str = "", *, method: str = "GET", body: bytes = b"", key: str = KEY
) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the answer to one call."""
    lines = [f"{method} /bank{path} HTTP/1.1", "Host: a"]
    lines += [f"X-API-Key: {key}"] if key else []
    lines += [f"Content-Length: {len(body)}"] if body else []
    with RawClient(gateway.port) as client:
        client.send("\r\n".join(lines).encode() + b"\r\n" + extra.encode() + b"\r\n" + body)
        status, head, content = client.read_answer(is_head=method == "HEAD")
    fields = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:]]
    return status, {name.lower(): value for name, _, value in fields}, content


def seen(upstream: RawUpstream) -> str:
    """The one request that the service got."""
    (request,) = upstream.requests
    return request.decode("latin-1")
