"""The answer to a gateway that asks what is new."""

from __future__ import annotations

import msgspec

from apim.gateways.models import Environment
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


def update_for(environment_id: str, ask: Ask) -> Update:
    """All that the gateway lacks: a manifest when its state is not the one in force, and a page of access records."""
    environment = Environment.objects.get(id=environment_id)
    access = access_log.page_after(environment_id, after=ask.access_seq, reached=environment.access_seq)
    current = Publication.objects.filter(environment_id=environment_id).values_list("digest", flat=True).first()
    if current is None or current == ask.digest:
        return Update(environment=environment.name, access=access)
    publication = Publication.objects.filter(environment_id=environment_id)[0]
    missing = set(publication.manifest["fragments"].values()) - ask.have
    fragments = Fragment.objects.filter(digest__in=missing).values_list("digest", "body")
    return Update(
        environment=environment.name,
        access=access,
        manifest=msgspec.convert(publication.manifest, Manifest),
        fragments=dict(fragments),
        base_digest=ask.digest,
    )
