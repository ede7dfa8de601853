"""The answer to a gateway that asks what is new."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
from django.db.models import QuerySet

from apim.gateways.models import Gateway
from gateway_sync.delivery import access_log
from gateway_sync.delivery.access_digests import check_of
from gateway_sync.delivery.groups import manifest_for
from gateway_sync.delivery.kept_fragments import KeptFragments
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.push import Update, signed_page
from gateway_sync.delivery.trials import is_tried_by
from gateway_sync.snapshot import FORMAT, Manifest, ManifestChange, TrialOffer, change_between
from gateway_sync.wire_values import Count, Name

MAX_WAIT_S = 30.0
_kept = KeptFragments()


class Ask(msgspec.Struct, frozen=True):
    """What a gateway has, and how long it is willing to wait for more.

    Shapes: have names the fragments it holds, whatever its state; digest "" = no state yet; takes_changes = it can make
    a manifest of the one it has and what changed; takes_trials = one of its workers can try a state, trial is the
    digest of the one that it tries or refused. formats are those of states that it reads; () = format alone.
    """

    revision: Count = 0
    digest: Name = ""
    access_seq: Count = 0
    have: frozenset[Name] = frozenset()
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    format: Count = FORMAT
    formats: tuple[Count, ...] = ()
    takes_changes: bool = False
    takes_trials: bool = False
    trial: Name = ""

    @property
    def reads(self) -> tuple[int, ...]:
        """The formats of states that the gateway reads."""
        return self.formats or (self.format,)


def update_for(gateway: Gateway, ask: Ask) -> Update:
    """All that the gateway lacks: a manifest when its state is not the one in force, and a page of access records.

    Shapes: the gateway is as it was just read, with its environment. One in quarantine is sent no state, and every
    access record: what is revoked is refused everywhere. When nothing is new, that is one query.
    """
    environment = gateway.environment
    access = access_log.page_after(environment.id, after=ask.access_seq, reached=environment.access_seq)
    is_apart = gateway.state == Gateway.State.QUARANTINED
    newest = None if is_apart else _published(gateway).first()
    manifest = _manifest_for(gateway, ask.digest, newest)
    trial = _trial_for(gateway, ask, newest) if ask.takes_trials and not is_apart else None
    told = Update(environment=environment.name, access=access, trial=trial, access_check=check_of(environment))
    if told.is_news:  # else nothing is said that could be forged
        told = msgspec.structs.replace(told, access=signed_page(environment.name, access))
    sent = [each for each in (manifest, trial.manifest if trial is not None else None) if each is not None]
    if not sent:
        return told
    missing = {digest for each in sent for digest in each.fragments.values()} - ask.have
    change = _change_since(gateway, ask.digest, manifest) if ask.takes_changes and manifest is not None else None
    return msgspec.structs.replace(
        told,
        manifest=manifest if change is None or manifest is None else replace(manifest, fragments={}),
        fragments=_kept.texts(missing),
        base_digest=ask.digest,
        change=change,
    )


def _published(gateway: Gateway) -> QuerySet[Publication]:
    """What was published to its environment, the newest first; of manifests only those of groups."""
    named = ("stage", "digest", "groups", "trial_in_worker", "trial_gateways")
    return Publication.objects.filter(environment_id=gateway.environment_id).only(*named)


def _manifest_for(gateway: Gateway, known: str, newest: Publication | None) -> Manifest | None:
    """What the gateway is to serve; None when that is the state it knows, or nothing was published yet."""
    if newest is None:
        return None
    wanted: Publication | None = newest
    if is_tried_by(gateway, newest):
        if newest.stage == Publication.Stage.ENDED:
            return None  # what is to come back is being published
    elif newest.stage != Publication.Stage.ALL:
        wanted = _published(gateway).filter(stage=Publication.Stage.ALL).first()
    if wanted is None or (wanted.digest == known and not wanted.groups):
        return None
    manifest = manifest_for(gateway.group, {} if wanted.groups else wanted.manifest, wanted.groups)
    return manifest if manifest.digest != known else None


def _trial_for(gateway: Gateway, ask: Ask, newest: Publication | None) -> TrialOffer | None:
    """What one worker of the gateway is to serve instead of the others; None when the gateway knows that."""
    offer = TrialOffer()
    is_on = newest is not None and newest.stage == Publication.Stage.TRIAL and newest.trial_in_worker
    if newest is not None and is_on and gateway.pk in newest.trial_gateways:
        manifest = manifest_for(gateway.group, newest.manifest, newest.groups)
        if manifest.digest != ask.digest:  # else nothing changes for its group
            offer = TrialOffer(manifest.digest, manifest)
    return offer if offer.digest != ask.trial else None


def _change_since(gateway: Gateway, known: str, manifest: Manifest) -> ManifestChange | None:
    """What became of the state that the gateway knows; None when it is not known here any more."""
    published = Publication.objects.filter(environment_id=gateway.environment_id, digest=known) if known else None
    before = published.values_list("manifest", flat=True).first() if published is not None else None
    return change_between(before["fragments"], manifest.fragments) if before else None
