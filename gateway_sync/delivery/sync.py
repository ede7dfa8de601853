"""The answer to a gateway that asks what is new."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from apim.gateways.models import Environment, Gateway
from gateway_sync.delivery import access_log
from gateway_sync.delivery.groups import manifest_for
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.push import Update
from gateway_sync.snapshot import FORMAT, Manifest, ManifestChange, change_between

MAX_WAIT_S = 30.0


class Ask(msgspec.Struct, frozen=True):
    """What a gateway has, and how long it is willing to wait for more.

    Shapes: have names the fragments it holds, whatever its state; digest "" = no state yet; takes_changes = it can make
    a manifest of the one it has and what changed.
    """

    revision: int = 0
    digest: str = ""
    access_seq: int = 0
    have: frozenset[str] = frozenset()
    wait_s: float = 0.0
    format: int = FORMAT
    takes_changes: bool = False


def update_for(gateway: Gateway, ask: Ask) -> Update:
    """All that the gateway lacks: a manifest when its state is not the one in force, and a page of access records.

    Shapes: one in quarantine is sent no state, and every access record: what is revoked is refused everywhere.
    """
    environment = Environment.objects.get(id=gateway.environment_id)
    access = access_log.page_after(environment.id, after=ask.access_seq, reached=environment.access_seq)
    manifest = None if _is_in_quarantine(gateway) else _manifest_for(gateway, ask.digest)
    if manifest is None:
        return Update(environment=environment.name, access=access)
    missing = set(manifest.fragments.values()) - ask.have
    change = _change_since(gateway, ask.digest, manifest) if ask.takes_changes else None
    return Update(
        environment=environment.name,
        access=access,
        manifest=manifest if change is None else replace(manifest, fragments={}),
        fragments=dict(Fragment.objects.filter(digest__in=missing).values_list("digest", "body")),
        base_digest=ask.digest,
        change=change,
    )


def _is_in_quarantine(gateway: Gateway) -> bool:
    """As it is now: the gateway was read before it began to wait."""
    return Gateway.objects.filter(pk=gateway.pk, state=Gateway.State.QUARANTINED).exists()


def _manifest_for(gateway: Gateway, known: str) -> Manifest | None:
    """What the gateway is to serve; None when that is the state it knows, or nothing was published yet."""
    published = Publication.objects.filter(environment_id=gateway.environment_id)
    if not gateway.is_canary:
        published = published.filter(stage=Publication.Stage.ALL)
    elif published.values_list("stage", flat=True).first() == Publication.Stage.ENDED:
        return None  # what is to come back is being published
    newest = published.values_list("pk", "digest", "groups").first()
    if newest is None or (newest[1] == known and not newest[2]):
        return None
    whole = {} if newest[2] else published.values_list("manifest", flat=True).get(pk=newest[0])
    manifest = manifest_for(gateway.group, whole, newest[2])
    return manifest if manifest.digest != known else None


def _change_since(gateway: Gateway, known: str, manifest: Manifest) -> ManifestChange | None:
    """What became of the state that the gateway knows; None when it is not known here any more."""
    published = Publication.objects.filter(environment_id=gateway.environment_id, digest=known) if known else None
    before = published.values_list("manifest", flat=True).first() if published is not None else None
    return change_between(before["fragments"], manifest.fragments) if before else None
