"""After the database was restored from a backup: gateways hold newer numbers than it, and believe nothing older."""

from __future__ import annotations

from dataclasses import asdict, replace

import msgspec
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.gateways.models import AccessRecord, Environment, Worker
from apim.gateways.services import touch
from gateway_sync.delivery.access_log import RENUMBERED
from gateway_sync.delivery.groups import sign
from gateway_sync.delivery.models import Publication
from gateway_sync.snapshot import Manifest

JUMP = 2 * RENUMBERED  # past every number that can have been given out since the backup


@transaction.atomic
def resume_after_restore(*, by: Actor) -> int:
    """Number the state of every environment above what any gateway can have; how many environments.

    Gateways then take the restored state for the newest: keys made or revoked since the backup are as they were then.
    """
    environments = list(Environment.objects.select_for_update().order_by("id"))
    for environment in environments:
        before = {"revision": environment.revision, "access_seq": environment.access_seq}
        reported = Worker.objects.filter(gateway__environment=environment).aggregate(
            revision=Max("revision", default=0), access_seq=Max("access_seq", default=0)
        )
        revision = max(environment.revision, reported["revision"]) + JUMP
        seq = _renumber(environment, max(environment.access_seq, reported["access_seq"]) + JUMP)
        _publish_again(environment, revision)
        Environment.objects.filter(id=environment.id).update(
            revision=revision, published_revision=revision, access_seq=seq, published_access_seq=seq,
            published_at=timezone.now(),
        )  # fmt: skip
        after = {"revision": revision, "access_seq": seq}
        record(by=by, action="environment.resumed_after_restore", target=environment, before=before, after=after)
    touch([environment.id for environment in environments])
    return len(environments)


def _renumber(environment: Environment, base: int) -> int:
    """The number of the last access record: each has a new one, so every gateway is sent the whole table."""
    records = list(AccessRecord.objects.filter(environment=environment).order_by("seq"))
    for seq, each in enumerate(records, start=base + 1):
        each.seq = seq
    AccessRecord.objects.bulk_update(records, ["seq"], batch_size=500)
    return base + len(records)


def _publish_again(environment: Environment, revision: int) -> None:
    """The state that all were sent as of the backup, under a new number and signature."""
    published = Publication.objects.filter(environment=environment)
    published.filter(stage=Publication.Stage.TRIAL).update(stage=Publication.Stage.ENDED)  # its canaries moved on
    last = published.filter(stage=Publication.Stage.ALL).first()
    if last is None:
        return
    signed, *groups = (
        asdict(sign(replace(msgspec.convert(each, Manifest), revision=revision)))
        for each in (last.manifest, *last.groups.values())
    )
    Publication.objects.create(
        environment=environment,
        revision=revision,
        digest=last.digest,
        manifest=signed,
        groups=dict(zip(last.groups, groups, strict=True)),
        problems=last.problems,
    )
