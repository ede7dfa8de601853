"""The chain of the audit log: each entry carries a digest over what it says and the digest before it.

Entries are chained some seconds after they are committed, in one short transaction for many: who writes an entry
waits for nobody. The last digest is signed with a key that is not in the database, so that who can only write there
cannot make a chain anew. What retention takes is always the beginning, and its last digest stays as the anchor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apim.audit.actor import Actor
from apim.audit.models import AuditChain, AuditEvent
from apim.audit.services import record

BEGINNING: Final = "0" * 64  # stands for the digest before the first entry
FAULTS_KEPT: Final = 100
_A_TRANSACTION: Final = 2_000
_TRANSACTIONS_A_RUN: Final = 10
_FIELDS: Final = (
    "id", "actor_kind", "actor_id", "actor_label", "action", "target_kind", "target_id", "target_label",
    "organization_id", "before", "after", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChainState:
    """What pages, the doctor and files tell of the chain.

    Shapes: unchained = entries that wait to be chained; oldest_unchained = when the oldest of them was written.
    """

    number: int
    digest: str
    checked_number: int
    anchor_number: int
    signature: str
    checked_at: datetime | None
    faults: tuple[dict[str, Any], ...]
    unchained: int
    oldest_unchained: datetime | None

    @property
    def is_catching_up(self) -> bool:
        """True while much is chained at once, such as the entries of before there was a chain."""
        return self.unchained >= _A_TRANSACTION

    @property
    def open_faults(self) -> tuple[dict[str, Any], ...]:
        """Those that nobody has accepted with a reason."""
        return tuple(fault for fault in self.faults if not fault["accepted_by"])


def digest_of(previous: str, event: AuditEvent) -> str:
    """SHA-256 of the digest before it and the entry as JSON with sorted names, as files have it."""
    told = {name: getattr(event, name) for name in _FIELDS} | {"at": event.at.astimezone(UTC).isoformat()}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{previous}{text}".encode()).hexdigest()


def extend() -> int:
    """How many entries were chained: what is not yet, the oldest first; the next run goes on."""
    count = 0
    for _ in range(_TRANSACTIONS_A_RUN):
        chained = _extend_some()
        count += chained
        if chained < _A_TRANSACTION:
            break
    return count


@transaction.atomic
def _extend_some() -> int:
    chain = _locked()
    events = list(AuditEvent.objects.filter(number=None).order_by("id")[:_A_TRANSACTION])
    if not events:
        return 0
    _note_signature(chain)
    for event in events:
        event.number, event.digest = chain.number + 1, digest_of(chain.digest, event)
        chain.number, chain.digest = event.number, event.digest
    AuditEvent.objects.bulk_update(events, ["number", "digest"], batch_size=500)
    _sign(chain)
    return len(events)


@transaction.atomic
def begin_check() -> None:
    """The next check is from the beginning of the chain, after what is not chained yet was chained."""
    extend()
    chain = _locked()
    chain.checked_number = 0
    chain.save(update_fields=["checked_number"])


@transaction.atomic
def check(rows: int = _A_TRANSACTION) -> bool:
    """True when the check has come to the end of the chain with these rows; the next one begins at its beginning.

    Faults are noted, and the check goes on behind them.
    """
    chain = _locked()
    number = max(chain.checked_number, chain.anchor_number)
    digest = _digest_at(chain, number)
    if not digest:  # the entry that was looked at last is gone: what follows it is to be seen from the beginning
        number, digest = chain.anchor_number, chain.anchor_digest
    _note_signature(chain)
    events = list(AuditEvent.objects.filter(number__gt=number, number__lte=chain.number).order_by("number")[:rows])
    for event in events:
        if event.number != number + 1:
            _note(chain, number + 1, "missing")
        elif digest_of(digest, event) != event.digest:
            _note(chain, event.number, "changed")
        number, digest = event.number or 0, event.digest
    is_over = len(events) < rows
    if is_over and (number, digest) != (chain.number, chain.digest):
        _note(chain, number + 1 if number < chain.number else number, "missing" if number < chain.number else "changed")
    chain.checked_number = 0 if is_over else number
    chain.checked_at = timezone.now() if is_over else chain.checked_at
    chain.save()
    return is_over


@transaction.atomic
def purge(until: datetime, rows: int) -> int:
    """How many entries went: from the beginning of the chain, rows at most, all older than that."""
    chain = _locked()
    events = AuditEvent.objects.filter(number__gt=chain.anchor_number).order_by("number")
    taken: list[tuple[str, int, str]] = []
    for pk, number, digest, at in events.values_list("pk", "number", "digest", "at")[:rows]:
        if at >= until or number is None:
            break
        taken.append((pk, number, digest))
    if not taken:
        return 0
    _note_signature(chain)
    AuditEvent.objects.filter(pk__in=[pk for pk, _, _ in taken]).delete()
    _, chain.anchor_number, chain.anchor_digest = taken[-1]
    _sign(chain)
    return len(taken)


@transaction.atomic
def accept_faults(*, by: Actor, reason: str) -> int:
    """How many faults are taken note of from now on as explained; the log says by whom and why."""
    chain = _locked()
    faults = [fault for fault in chain.faults if not fault["accepted_by"]]
    for fault in faults:
        fault["accepted_by"] = by.label
    chain.save(update_fields=["faults"])
    if faults:
        told = {"faults": [f"{fault['kind']} {fault['number']}" for fault in faults]}
        record(by=by, action="audit.accept_faults", target=chain, after=told, reason=reason)
    return len(faults)


def chain_state() -> ChainState:
    """How the chain stands. Three queries."""
    chain = AuditChain.objects.first() or AuditChain(digest=BEGINNING, anchor_digest=BEGINNING)
    waiting = AuditEvent.objects.filter(number=None).order_by("id")
    first = waiting.values_list("at", flat=True).first()
    return ChainState(
        chain.number,
        chain.digest,
        chain.checked_number,
        chain.anchor_number,
        chain.signature,
        chain.checked_at,
        tuple(chain.faults),
        waiting[:_A_TRANSACTION].count() if first else 0,
        first,
    )


def _locked() -> AuditChain:
    """The chain, for this transaction alone. Should its row be gone, it goes on, unsigned, from the last entry."""
    if not AuditChain.objects.exists():
        chained = AuditEvent.objects.exclude(number=None).order_by("-number").values_list("number", "digest")
        number, digest = chained.first() or (0, BEGINNING)
        new = {"number": number, "digest": digest, "anchor_digest": BEGINNING}
        AuditChain.objects.get_or_create(id=1, defaults=new)
    return AuditChain.objects.select_for_update().get()


def _digest_at(chain: AuditChain, number: int) -> str:
    """The digest of the entry of that number; "" of one that is gone."""
    if number == chain.anchor_number:
        return chain.anchor_digest
    return AuditEvent.objects.filter(number=number).values_list("digest", flat=True).first() or ""


def _message(chain: AuditChain) -> bytes:
    return f"audit {chain.number} {chain.digest} {chain.anchor_number} {chain.anchor_digest}".encode()


def _sign(chain: AuditChain) -> None:
    chain.signature = settings.KEYRING.sign(_message(chain))
    chain.save()


def _note_signature(chain: AuditChain) -> None:
    """Notes a head that somebody else wrote, before it is signed anew."""
    if not chain.number:
        return
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(settings.KEYRING.verify_key()))
        key.verify(base64.b64decode(chain.signature), _message(chain))
    except (InvalidSignature, binascii.Error):
        _note(chain, chain.number, "unsigned")


def _note(chain: AuditChain, number: int, kind: str) -> None:
    """Keeps a fault once, whether it was accepted or not."""
    known: Sequence[dict[str, Any]] = chain.faults
    if len(known) < FAULTS_KEPT and not any(each["number"] == number and each["kind"] == kind for each in known):
        found_at = timezone.now().isoformat(timespec="seconds")
        chain.faults = [*known, {"number": number, "kind": kind, "found_at": found_at, "accepted_by": ""}]
