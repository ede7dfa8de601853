"""Applying: the last calls under what documents make of the APIs and products they name, before it is committed.

Owns: whose calls are looked at: those of versions that the documents name, directly or by a product, and that their
sender may change. Must not know: what becomes of it when calls would be answered otherwise; that is an argument.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from django.db.models import Q

from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.documents.reading import Document
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord
from apim.usage.records import Asked
from gateway_sync.delivery.replay.finding import last_calls
from gateway_sync.delivery.replay.reading import Replay, is_whole, judge, state_of
from gateway_sync.runtime.core.index import Index

ENVIRONMENTS_AT_MOST: Final = 10
HOLDING_S: Final = 1.0  # of all environments together: until the end others wait, revocations of keys among them


class Applying:
    """See apim.documents.services.Watch."""

    def __init__(self, *, user: User, hear: Callable[[Replay], None]) -> None:
        """hear is told at the end of each try, within its transaction, and may raise to have all taken back."""
        self._user = user
        self._hear = hear
        self._records: list[UsageRecord] = []
        self._is_cut_off = False
        self._now: dict[str, tuple[Environment, Index]] = {}

    def look(self, documents: Sequence[Document]) -> None:
        """Find the last calls. Outside of the transaction, which holds locks."""
        names = {kind: {each.name for each in documents if each.kind == kind} for kind in ("API", "Product")}
        is_named = Q(api__name__in=names["API"]) | Q(product_items__product__name__in=names["Product"])
        versions = APIVersion.objects.editable_by(self._user).filter(is_named)
        ids = sorted(set(versions.values_list("id", flat=True)))
        if ids:
            found = last_calls(Asked({"version_id": ids}))
            self._records = [record for record in found.records if is_whole(record)]
            self._is_cut_off = found.is_cut_off

    def begin(self) -> None:
        """Note what is decided by, before anything changes."""
        found = Environment.objects.in_bulk({record.environment_id for record in self._records})
        chosen = list(found.values())[:ENVIRONMENTS_AT_MOST]
        self._is_cut_off = self._is_cut_off or len(chosen) < len(found)
        self._now = {each.id: (each, state_of(each, self._versions_in(each))) for each in chosen}

    def end(self) -> None:
        """Decide the calls anew by what was made of it. Errors: those of whom this is told to."""
        by_environment: defaultdict[str, list[UsageRecord]] = defaultdict(list)
        for record in self._records:
            by_environment[record.environment_id].append(record)
        whole = Replay(0, (), (), {}, self._is_cut_off)
        ends_at = time.monotonic() + HOLDING_S
        for key, (environment, now) in self._now.items():
            if time.monotonic() > ends_at:
                whole = replace(whole, is_cut_off=True)
                break
            then = state_of(environment, self._versions_in(environment))
            judged = judge(environment, by_environment[key], now, then, budget_s=ends_at - time.monotonic())
            whole = _both(whole, judged)
        self._hear(whole)

    def _versions_in(self, environment: Environment) -> list[str]:
        return sorted({record.version_id for record in self._records if record.environment_id == environment.id})


def _both(one: Replay, other: Replay) -> Replay:
    return Replay(
        one.calls + other.calls,
        (*one.differences, *other.differences),
        (*one.problems, *other.problems),
        one.records | other.records,
        one.is_cut_off or other.is_cut_off,
    )
