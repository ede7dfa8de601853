"""Upstreams: target URLs checked and split, groups of settings checked and made canonical."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, TargetRow, VersionRow
from gateway_sync.snapshot import JSON, MAX_TARGETS_A_VERSION, Target
from gateway_sync.upstreams import UpstreamSettings, dump_settings, parse_settings

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_TIMEOUT_S = 3600
_MAX_WEIGHT = 10_000
_MAX_PRIORITY = 9
_FORBIDDEN_IN_HOST = frozenset(' %<>"\\^`{|}')


def compile_targets(version: VersionRow, environment: EnvironmentRow) -> tuple[tuple[Target, ...], list[Problem]]:
    """The usable targets of a version, and what is wrong with the others and with the time-out."""
    where = Where("version", version.id, "upstream")
    rows = version.upstream.targets
    problems: list[Problem] = []
    if not rows:
        hint = "Give the address that requests go to, like https://accounts.internal:8443."
        problems.append(Problem("upstream.E001", "The version has no upstream.", where, hint))
    if len(rows) > MAX_TARGETS_A_VERSION:
        message = f"The upstream has {len(rows)} targets; {MAX_TARGETS_A_VERSION} are the most."
        problems.append(Problem("upstream.E006", message, where))
    if not 0 < version.upstream.timeout_s <= _MAX_TIMEOUT_S:
        message = f"A time-out of {version.upstream.timeout_s} s is outside 0 to {_MAX_TIMEOUT_S} s."
        problems.append(Problem("upstream.E004", message, where))
    targets = []
    for row in rows:
        target, found = _compile_target(row, version.base_path, where)
        problems += found
        if target is not None:
            targets.append(target)
            problems += _address_problems(target, environment, where)
    if targets and not any(target.weight for target in targets):
        problems.append(Problem("upstream.E003", "No target has a weight above 0.", where))
    return tuple(targets), problems


def compile_settings(
    version: VersionRow, targets: tuple[Target, ...], environment: EnvironmentRow
) -> tuple[JSON, list[Problem]]:
    """The canonical groups of settings, and what is wrong with them."""
    where = Where("version", version.id, "upstream")
    settings, found = parse_settings(version.upstream.settings, where)
    problems = list(found)
    if settings.canary is not None:
        arms = tuple((name, version.upstream.arm_weights.get(name, weight)) for name, weight in settings.canary.arms)
        settings = replace(settings, canary=replace(settings.canary, arms=arms))
    problems += _arm_problems(settings, targets, where)
    if settings.mirror is not None:
        target, faults = _compile_target(TargetRow(settings.mirror.url), version.base_path, where)
        problems += faults
        if target is not None:
            problems += _address_problems(target, environment, where)
            settings = replace(settings, mirror=replace(settings.mirror, url=_url_of(target)))
    return dump_settings(settings), problems


def _url_of(target: Target) -> str:
    """The whole URL of a target, with its port and base path."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.scheme}://{host}:{target.port}{target.base_path}"


def _arm_problems(settings: UpstreamSettings, targets: tuple[Target, ...], where: Where) -> Iterable[Problem]:
    """Arms without a target that may take calls, targets of no arm, and arms that nobody meets."""
    arms = dict(settings.canary.arms) if settings.canary is not None else {}
    served = {target.arm for target in targets if target.weight}
    for arm in sorted({target.arm for target in targets} - arms.keys() - {""}):
        hint = f"Name it in canary, as {arm}=5."
        yield Problem("upstream.E009", f'The arm "{arm}" of a target has no weight.', where, hint)
    if arms and "" in {target.arm for target in targets}:
        hint = "Give each target the arm that it belongs to."
        yield Problem("upstream.E009", "A target belongs to no arm, so it would get no calls.", where, hint)
    for arm in sorted(arms.keys() - served):
        yield Problem("upstream.E009", f'The arm "{arm}" has no target with a weight above 0.', where)
    if arms and not any(arms.values()):
        yield Problem("upstream.E009", "No arm has a weight above 0.", where)


def _compile_target(row: TargetRow, base_path: str, where: Where) -> tuple[Target | None, list[Problem]]:
    if isinstance(row.weight, bool) or not 0 <= row.weight <= _MAX_WEIGHT:
        message = f"The weight {row.weight} of {row.url} is outside 0 to {_MAX_WEIGHT}."
        return None, [Problem("upstream.E003", message, where)]
    if isinstance(row.priority, bool) or not 0 <= row.priority <= _MAX_PRIORITY:
        message = f"The priority {row.priority} of {row.url} is outside 0 to {_MAX_PRIORITY}."
        return None, [Problem("upstream.E010", message, where)]
    try:
        url = urlsplit(row.url)
        port = url.port
    except ValueError as error:
        return None, [_url_problem(row.url, str(error), where)]
    if fault := _fault_of(url):
        return None, [_url_problem(row.url, fault, where)]
    # Without a path of its own, a target is the bare server that the document's servers[0] is relative to.
    path = url.path.rstrip("/") or "/" + base_path.strip("/")
    host = url.hostname or ""
    port = port or _DEFAULT_PORTS[url.scheme]
    return Target(url.scheme, host, port, path.rstrip("/"), row.weight, row.priority, row.arm), []


def _fault_of(url: SplitResult) -> str:
    if url.scheme not in _DEFAULT_PORTS:
        return "it does not start with http:// or https://"
    host = url.hostname  # parsed with each asking
    if not host or not host.isascii() or not _FORBIDDEN_IN_HOST.isdisjoint(host):
        return "its host name is missing or not ASCII"
    if url.username is not None or url.password is not None:
        return "it carries a user name or password"
    if url.query or url.fragment:
        return "it carries a query or fragment"
    if not url.path.isascii() or any(character <= " " for character in url.path):
        return "its path holds characters that must be percent-encoded"
    return ""


def _url_problem(url: str, fault: str, where: Where) -> Problem:
    message = f'"{url}" cannot be an upstream: {fault}.'
    return Problem("upstream.E002", message, where, "Write it like https://accounts.internal:8443/base.")


def _address_problems(target: Target, environment: EnvironmentRow, where: Where) -> Iterable[Problem]:
    """Tells early what the gateway enforces on the connected address; names are looked up there, not here."""
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return
    shown = f"{target.host}:{target.port}"
    if shown in environment.forbidden_addresses:
        yield Problem("upstream.E005", f"{shown} is a port of this product itself.", where)
    elif address.is_link_local:
        yield Problem("upstream.E005", f"{shown} is a link-local address, where clouds keep their metadata.", where)
    elif not (address.is_global and environment.allow_public_networks) and not _is_within(address, environment):
        hint = "An administrator can allow its network in the environment."
        yield Problem("upstream.E005", f"{shown} is outside the networks that the environment allows.", where, hint)


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, environment: EnvironmentRow) -> bool:
    for block in environment.allowed_networks:
        try:
            if address in ipaddress.ip_network(block, strict=False):
                return True
        except ValueError:
            continue  # told as a problem of the environment
    return False
