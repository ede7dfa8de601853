"""Digests of access records, made of the database again and again: gateways compare them with what they have.

Owns: how often. Rows that were changed past the log have no number of their own, so nothing short of reading all finds
them. Reading takes about a hundredth of the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from django.db import transaction

from apim.gateways.models import AccessRecord, Environment
from gateway_sync.delivery.collect import DATABASE
from gateway_sync.runtime.access_file import record_name
from gateway_sync.snapshot import AccessCheck, TableDigest

EACH_S: Final = 60.0
_SHARE: Final = 100  # times as long as reading took
_AT_ONCE: Final = 5_000
_lock = threading.Lock()
_due_at: dict[str, float] = {}  # by environment, of the monotonic clock


def take_due_digests() -> list[str]:
    """The environments whose turn it was."""
    taken: list[str] = []
    for environment_id in Environment.objects.values_list("id", flat=True):
        began = time.monotonic()
        with _lock:
            if _due_at.get(environment_id, 0.0) > began:
                continue
            _due_at[environment_id] = began + EACH_S
        take_digest(environment_id)
        took_s = time.monotonic() - began
        with _lock:
            _due_at[environment_id] = began + max(EACH_S, took_s * _SHARE)
        taken.append(environment_id)
    return taken


def take_digest(environment_id: str, clock: Callable[[], float] = time.time) -> AccessCheck:
    """The digest of the environment's records as they are in the database now; kept where gateways are told it."""
    found = TableDigest()
    with transaction.atomic(using=DATABASE):  # one moment: the number of the log and the rows
        environment = Environment.objects.using(DATABASE).get(id=environment_id)
        rows = AccessRecord.objects.using(DATABASE).filter(environment_id=environment_id, body__isnull=False)
        for kind, key, body in rows.values_list("kind", "key", "body").iterator(chunk_size=_AT_ONCE):
            if body is not None:
                found.add(record_name(kind, key), body)
    check = AccessCheck(environment.access_seq, found.text(), int(clock()))
    told = {"seq": check.seq, "digest": check.digest, "at": check.at}
    Environment.objects.filter(id=environment_id).update(access_check=told)
    return check


def check_of(environment: Environment) -> AccessCheck | None:
    """What was taken last; None before the first time."""
    return AccessCheck(**environment.access_check) if environment.access_check else None
