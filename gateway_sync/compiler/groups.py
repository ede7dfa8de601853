"""Groups: what of a state the gateways of one group get. Pure: how secrets are sealed anew is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from gateway_sync.compiler.composites import service_problems
from gateway_sync.problems import Problem
from gateway_sync.snapshot import API, EDGE_FRAGMENT, Certificate, Edge, api_fragment, canonical_bytes, decode_fragment

_API_PREFIX = api_fragment("")

Bindings = Mapping[str, Collection[str]]
Reseal = Callable[[str, str], str]


def for_group(
    fragments: Mapping[str, bytes], group: str, bindings: Bindings, reseal: Reseal
) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """The fragments of a group by name, and the composites there that call what the group does not serve.

    Shapes: bindings maps the ids of versions that are bound to their groups; all others are in every group.
    reseal(sealed, id) is the secret, sealed for the group. Certificates that nothing in the group needs are left out.
    """
    kept: dict[str, bytes] = {}
    apis: list[API] = []
    for name, content in fragments.items():
        if not name.startswith(_API_PREFIX):
            kept[name] = content
            continue
        api = decode_fragment(content, API)
        versions = tuple(each for each in api.versions if group in bindings.get(each.id, (group,)))
        if versions:
            apis.append(replace(api, versions=versions))
            kept[name] = content if versions == api.versions else canonical_bytes(apis[-1])
    if EDGE_FRAGMENT in kept:
        edge = decode_fragment(kept[EDGE_FRAGMENT], Edge)
        kept[EDGE_FRAGMENT] = canonical_bytes(replace(edge, certificates=tuple(_certificates(edge, apis, reseal))))
    return kept, tuple(service_problems(apis))


def _certificates(edge: Edge, apis: Iterable[API], reseal: Reseal) -> Iterable[Certificate]:
    served = {f"/{api.name}" for api in apis}
    organizations = {api.organization for api in apis}
    elsewhere = {host.name for host in edge.hosts if host.prefix and f"/{host.prefix.split('/')[1]}" not in served}
    for one in edge.certificates:
        is_needed = one.organization in organizations if one.organization else not _is_all_in(one.hosts, elsewhere)
        if is_needed:
            yield replace(one, sealed_key=reseal(one.sealed_key, one.id))


def _is_all_in(names: Collection[str], places: Collection[str]) -> bool:
    return bool(names) and all(name.lower() in places for name in names)
