"""Upstreams: where a version's requests go, as revisions keep it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext

from apim.errors import Invalid, Problems
from apim.gateways.chains import read_authorities
from gateway_sync.problems import Where
from gateway_sync.upstreams import KINDS, UpstreamSettings, parse_settings

TIMEOUT_S = 30
LONGEST_TIMEOUT_S = 3600
TARGETS_AT_MOST = 64
_HEAVIEST = 10_000
_LAST_PRIORITY = 9
_ARM = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\\]")
_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))


def upstream_of(url: str) -> dict[str, Any]:
    """An upstream with one target and the default timeout."""
    return parse_upstream({"targets": [{"url": url}]})


def parse_upstream(value: object) -> dict[str, Any]:
    """The upstream complete and checked: {"targets": [{"url", "weight"}], "timeout_s"} and groups of settings.

    Shapes: a target has `priority` and `arm` only where they are given; the groups are as written.
    Errors: Invalid or Problems with the fields at fault. Networks are not judged here but by the gateway, on the
    address that it connects to: a name may point elsewhere tomorrow.
    """
    if not isinstance(value, Mapping):
        raise _invalid("upstream", gettext("An upstream has `targets`, a list of addresses."))
    if unknown := sorted(str(name) for name in value.keys() - {"targets", "timeout_s", *KINDS}):
        raise _invalid(f"upstream.{unknown[0]}", gettext("An upstream has no field `%(name)s`.") % {"name": unknown[0]})
    targets = value.get("targets")
    if not isinstance(targets, list | tuple) or not 0 < len(targets) <= TARGETS_AT_MOST:
        raise _invalid(
            "upstream.targets",
            gettext("An upstream has 1 to %(most)s targets.") % {"most": TARGETS_AT_MOST},
        )
    timeout_s = value.get("timeout_s", TIMEOUT_S)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 < timeout_s <= LONGEST_TIMEOUT_S:
        raise _invalid(
            "upstream.timeout_s",
            gettext("The timeout is above 0 and at most %(seconds)s seconds.") % {"seconds": LONGEST_TIMEOUT_S},
        )
    parsed = [_parse_target(target, f"upstream.targets.{index}") for index, target in enumerate(targets)]
    if not any(target["weight"] for target in parsed):
        raise _invalid("upstream.targets", gettext("One target at least needs a weight above 0."))
    groups = {kind: value[kind] for kind in KINDS if value.get(kind) is not None}
    settings = _parse_groups(groups)
    _check_arms(parsed, settings)
    if settings.tls is not None and settings.tls.ca:
        read_authorities(settings.tls.ca, field="upstream.tls.ca")
    if settings.mirror is not None:
        parse_url(settings.mirror.url, "upstream.mirror.url")
    return {"targets": parsed, "timeout_s": timeout_s, **{kind: dict(group) for kind, group in groups.items()}}


def _parse_groups(groups: Mapping[str, Any]) -> UpstreamSettings:
    settings, problems = parse_settings(groups, Where("version", "", "upstream"))
    if problems:
        raise Problems(
            tuple(
                Invalid("catalog.upstream", problem.message, field=problem.where.field, hint=problem.hint)
                for problem in problems
            )
        )
    return settings


def _check_arms(targets: list[dict[str, Any]], settings: UpstreamSettings) -> None:
    """Every target of a canary belongs to an arm, and every arm has a target."""
    arms = {name for name, _ in settings.canary.arms} if settings.canary is not None else set()
    for index, target in enumerate(targets):
        arm = target.get("arm", "")
        if arm and arm not in arms:
            raise _invalid(
                f"upstream.targets.{index}.arm",
                gettext("`%(arm)s` is no arm of `canary`; name it as `%(arm)s=5`.") % {"arm": arm},
            )
        if arms and not arm:
            raise _invalid(f"upstream.targets.{index}.arm", gettext("With `canary`, each target belongs to an arm."))
    if empty := sorted(arms - {target.get("arm", "") for target in targets if target["weight"]}):
        raise _invalid(
            "upstream.canary.arms",
            gettext("The arm `%(arm)s` has no target with a weight above 0.") % {"arm": empty[0]},
        )


def _parse_target(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("url"), str):
        raise _invalid(field, gettext("A target has a `url`."))
    if unknown := sorted(str(name) for name in value.keys() - {"url", "weight", "priority", "arm"}):
        raise _invalid(f"{field}.{unknown[0]}", gettext("A target has no field `%(name)s`.") % {"name": unknown[0]})
    weight = value.get("weight", 100)
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= _HEAVIEST:
        raise _invalid(
            f"{field}.weight",
            gettext("A weight is a whole number from 0 to %(most)s.") % {"most": f"{_HEAVIEST:,}"},
        )
    target = {"url": parse_url(value["url"], f"{field}.url"), "weight": weight}
    if value.get("priority"):
        target["priority"] = _parse_priority(value["priority"], f"{field}.priority")
    if arm := value.get("arm"):
        if not isinstance(arm, str) or not _ARM.fullmatch(arm):
            raise _invalid(f"{field}.arm", gettext("An arm is a short name such as `canary`."))
        target["arm"] = arm
    return target


def _parse_priority(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_PRIORITY:
        raise _invalid(
            field,
            gettext("A priority is a whole number from 0, asked first, to %(last)s.") % {"last": _LAST_PRIORITY},
        )
    return value


def parse_url(text: str, field: str) -> str:
    """The URL of an upstream, checked: http or https, a host, perhaps a port and a path, nothing else."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _invalid(field, gettext("`%(url)s` is not a URL: %(error)s.") % {"url": url, "error": error}) from error
    if fault := _url_fault(url, parts, port):
        raise _invalid(field, fault)
    return url.rstrip("/") if parts.path.strip("/") == "" else url


def _url_fault(url: str, parts: SplitResult, port: int | None) -> str:
    if _FORBIDDEN.search(url):
        return gettext("A URL holds no spaces, control characters or backslashes.")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        text = gettext("`%(url)s` is not the URL of a service; write it like https://orders.internal:8443.")
        return text % {"url": url}
    if parts.username is not None or parts.password is not None:
        return gettext("A URL holds no user name or password.")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return gettext("The URL of an upstream ends with its path, without `?` or `#`.")
    if port == 0:
        return gettext("The port is 1 to 65535.")
    if _is_link_local(parts.hostname):
        return gettext(
            "%(hostname)s is link-local, where clouds keep their secrets; name the address of a service."
        ) % {"hostname": parts.hostname}
    return ""


def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in _LINK_LOCAL if network.version == mapped.version)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("catalog.upstream", message, field=field)
