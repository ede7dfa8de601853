"""Comparing: whether compiling what changed gives the same as compiling everything, looked at seldom and told loudly.

It is the same by its making, as long as rows that are said never to be edited never are. Should they be, or should
there be a bug, gateways are sent what compiling everything gives.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from apim.gateways.services import touch
from gateway_sync.delivery.collect import DATABASE, collect
from gateway_sync.delivery.models import Comparison
from gateway_sync.delivery.remembered import due_for_comparison, forget, remembered
from gateway_sync.delivery.states import wanted_fragments

logger = logging.getLogger(__name__)

TOLD_FOR: Final = timedelta(days=7)


def compare_due() -> list[str]:
    """The environments whose turn it was; those that this process published lately, each once in an hour at most."""
    due = due_for_comparison(time.monotonic())
    for environment_id in due:
        compare(environment_id)
    return due


def compare(environment_id: str) -> list[str]:
    """The names of fragments that differ. Then all is forgotten here, and published from a full compilation."""
    with remembered(environment_id) as memory, transaction.atomic(using=DATABASE):  # both read one state
        quick = wanted_fragments(collect(environment_id, memory), memory.compiled)
        full = wanted_fragments(collect(environment_id))
        memory.compared_at = time.monotonic()
    memory.is_used = False
    differing = sorted(name for name in full[0].keys() | quick[0].keys() if full[0].get(name) != quick[0].get(name))
    if not differing and quick[1] != full[1]:
        differing = ["problems"]
    told: dict[str, object] = {"compared_at": timezone.now()}
    if differing:
        logger.error("compiling what changed of %s gave another state: %s", environment_id, ", ".join(differing[:20]))
        told |= {"differed_at": timezone.now(), "differing": differing}
        forget(environment_id)
    with transaction.atomic():
        Comparison.objects.update_or_create(environment_id=environment_id, defaults=told)
        if differing:
            touch([environment_id])
    return differing
