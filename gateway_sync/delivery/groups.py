"""Groups of gateways: which there are, what each is sent, and with which key its secrets are sealed.

Owns: a manifest for each group, beside that of the whole state. Where there is neither a group nor a binding, there is
one manifest, and all of this costs two queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
from django.conf import settings

from apim.catalog.models import Deployment
from apim.gateways.models import Gateway
from apim.gateways.sandbox import twin_id
from gateway_sync.compiler import for_group
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.problems import Problem
from gateway_sync.runtime.sealing import seal, unseal
from gateway_sync.snapshot import API, Manifest, api_fragment, decode_fragment, manifest_of, signed_bytes


@dataclass(frozen=True, slots=True)
class Grouping:
    """Shapes: groups are the names of those that gateways are in, "" among them; () = there is nothing to tell apart.

    bindings maps ids of versions to the groups that serve them.
    """

    groups: tuple[str, ...] = ()
    bindings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupState:
    """What one group is sent."""

    manifest: Manifest
    fragments: dict[str, bytes]


def grouping_of(environment_id: str, database: str) -> Grouping:
    """The groups of an environment's gateways, and the versions that are bound to groups."""
    named = Gateway.objects.using(database).filter(environment_id=environment_id).order_by().values_list("group")
    groups = {group for (group,) in named.distinct()}
    found = Deployment.objects.using(database).filter(environment_id=environment_id).exclude(gateway_groups=[])
    bindings = {version_id: tuple(bound) for version_id, bound in found.values_list("version_id", "gateway_groups")}
    if not bindings and groups <= {""}:
        return Grouping()
    twins = {twin_id(version_id): bound for version_id, bound in bindings.items()}
    return Grouping(tuple(sorted(groups | {""})), bindings | twins)


def grouping_of_held(environment_id: str, revision: int, grouping: Grouping, database: str) -> Grouping:
    """The grouping of now, and for versions that run nowhere any more the groups that served them at the revision.

    Who goes back brings such versions back: never to gateways that were not to serve them.
    """
    held = Publication.objects.using(database).filter(environment_id=environment_id, revision=revision).first()
    if held is None or not held.groups:
        return grouping
    served = {group: _versions_in(manifest, database) for group, manifest in held.groups.items()}
    deployed = Deployment.objects.using(database).filter(environment_id=environment_id)
    present = {each for pk in deployed.values_list("version_id", flat=True) for each in (pk, twin_id(pk))}
    bound = {
        version_id: tuple(group for group in served if version_id in served[group])
        for version_id in _versions_in(held.manifest, database) - present
    }
    then = {version_id: groups for version_id, groups in bound.items() if len(groups) < len(served)}
    return Grouping(grouping.groups or ("",), {**grouping.bindings, **then}) if then else grouping


def _versions_in(manifest: Mapping[str, Any], database: str) -> set[str]:
    digests = [digest for name, digest in manifest["fragments"].items() if name.startswith(api_fragment(""))]
    bodies = Fragment.objects.using(database).filter(digest__in=digests).values_list("body", flat=True)
    return {version.id for body in bodies for version in decode_fragment(body, API).versions}


def group_states(
    environment_id: str, whole: Manifest, fragments: Mapping[str, bytes], grouping: Grouping
) -> tuple[dict[str, GroupState], set[Problem]]:
    """What each group is sent, with the revision of the whole; and what composites miss in one."""
    states: dict[str, GroupState] = {}
    problems: set[Problem] = set()
    for group in grouping.groups:
        kept, found = for_group(fragments, group, grouping.bindings, partial(_resealed, environment_id, group))
        manifest = sign(manifest_of(whole.environment, whole.revision, kept))
        states[group] = GroupState(manifest, kept)
        problems.update(found)
    return states, problems


def sign(manifest: Manifest) -> Manifest:
    """The manifest as gateways believe it."""
    return replace(manifest, signature=settings.KEYRING.sign(signed_bytes(manifest)))


def stored_for(group: str, manifest: Mapping[str, Any], groups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what a publication stores, what a gateway of the group is sent.

    Shapes: a group that joined since is sent what those of no group are: it never gets what is bound to others.
    """
    return groups.get(group) or groups.get("") or manifest


def digest_for(group: str, publication: Publication | None) -> str:
    """The digest of what a gateway of the group is to serve; "" when nothing was published."""
    if publication is None:
        return ""
    return str(stored_for(group, {"digest": publication.digest}, publication.groups)["digest"])


def manifest_for(group: str, manifest: Mapping[str, Any], groups: Mapping[str, Any]) -> Manifest:
    """As stored_for, typed."""
    return msgspec.convert(stored_for(group, manifest, groups), Manifest)


def _resealed(environment_id: str, group: str, sealed: str, context: str) -> str:
    """A secret that was sealed for the environment, for one group of it."""
    if not group:
        return sealed
    plain = unseal(settings.KEYRING.gateway_sealing_key(environment_id), sealed, context)
    return seal(settings.KEYRING.gateway_sealing_key(environment_id, group), plain, context)
