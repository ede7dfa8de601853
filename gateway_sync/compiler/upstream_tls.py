"""What an upstream's TLS settings need of its environment and organization."""

from __future__ import annotations

from collections.abc import Iterable

from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, VersionRow
from gateway_sync.upstreams import parse_settings


def tls_problems(version: VersionRow, organization_id: str, environment: EnvironmentRow) -> Iterable[Problem]:
    """What stands against the `tls` of a version here; nothing for one without, or one that is retired."""
    if version.state == "retired" or "tls" not in version.upstream.settings:
        return
    where = Where("version", version.id, "upstream.tls")
    settings, _ = parse_settings(version.upstream.settings, where)
    tls = settings.tls
    if tls is None:
        return
    if not tls.verify and not environment.allow_unverified_upstreams:
        message = f"The environment {environment.name} does not allow upstreams without verification."
        hint = "Name the service's authority in `ca`; an administrator may allow it in the environment."
        yield Problem("upstream.E011", message, where, hint)
    if not any(target.url.startswith("https:") for target in version.upstream.targets):
        yield Problem("upstream.W001", "No target begins with https://, so `tls` does nothing.", where)
    if not tls.client_certificate:
        return
    usable = {one.name for one in environment.certificates if one.organization_id == organization_id}
    if tls.client_certificate not in usable:
        message = f'There is no certificate "{tls.client_certificate}" for the services of this organization here.'
        hint = "An administrator can add it to the environment."
        yield Problem("upstream.E012", message, where, hint)
