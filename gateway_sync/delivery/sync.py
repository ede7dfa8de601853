"""The answer to a gateway that asks what is new."""

from __future__ import annotations

import msgspec

from apim.gateways.models import Environment, Gateway
from gateway_sync.delivery import access_log
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.push import Update
from gateway_sync.snapshot import FORMAT, Manifest

MAX_WAIT_S = 30.0


class Ask(msgspec.Struct, frozen=True):
    """What a gateway has, and how long it is willing to wait for more.

    Shapes: have names the fragments it holds, whatever its state; digest "" = no state yet.
    """

    revision: int = 0
    digest: str = ""
    access_seq: int = 0
    have: frozenset[str] = frozenset()
    wait_s: float = 0.0
    format: int = FORMAT


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
    return Update(
        environment=environment.name,
        access=access,
        manifest=manifest,
        fragments=dict(Fragment.objects.filter(digest__in=missing).values_list("digest", "body")),
        base_digest=ask.digest,
    )


def _is_in_quarantine(gateway: Gateway) -> bool:
    """As it is now: the gateway was read before it began to wait."""
    return Gateway.objects.filter(pk=gateway.pk, state=Gateway.State.QUARANTINED).exists()


def _manifest_for(gateway: Gateway, known: str) -> Manifest | None:
    """What the gateway is to serve; None when that is the state it knows, or nothing was published yet."""
    published = Publication.objects.filter(environment_id=gateway.environment_id)
    newest = published.values_list("pk", "digest").first()
    if newest is None or newest[1] == known:
        return None
    return msgspec.convert(published.values_list("manifest", flat=True).get(pk=newest[0]), Manifest)
