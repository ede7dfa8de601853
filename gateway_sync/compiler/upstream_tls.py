"""What an upstream's settings of TLS and HTTP need of its environment, its organization and each other."""

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


def http_problems(version: VersionRow) -> Iterable[Problem]:
    """What HTTP/2 towards the targets of a version does not go together with."""
    settings, _ = parse_settings(version.upstream.settings, Where("version", version.id))
    is_http2 = settings.http is not None and settings.http.version == "2"
    if version.state != "retired" and is_http2 and settings.health_check and settings.health_check.protocol == "http":
        where = Where("version", version.id, "upstream.healthCheck.protocol")
        message = "Health checks ask by HTTP/1.1, which targets with `http: 2` may not speak."
        yield Problem("upstream.E013", message, where, "Use protocol: tcp.")
