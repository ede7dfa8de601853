"""Writes of retention: the setting of each family, and the deletion of what is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext

from apim.audit import chain
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record
from apim.errors import Invalid, Problems
from apim.platform.models import RetentionRule
from apim.platform.storage.families import FAMILIES, Family
from apim.usage import services as usage
from apim.usage.records import record_log
from apim.usage.told import purge_told

COUNTED_AT_MOST: Final = 1_000_000  # a preview says "at least" beyond it
_ROWS_A_TRANSACTION: Final = 2_000
_TRANSACTIONS_A_RUN: Final = 100  # the next hour goes on
_AUDIT: Final = "audit"
_RECORDS: Final = "records"
_OF_USAGE: Final = {_RECORDS, "minutes", "hours", "days"}
_PERIODS: Final = {"minutes": "minute", "hours": "hour", "days": "day"}


def days_kept() -> dict[str, int]:
    """How many days each family is kept, by its name. One query."""
    rules = dict(RetentionRule.objects.values_list("family", "days"))
    return {family.name: rules.get(family.name, family.days) for family in FAMILIES}


@transaction.atomic
def set_retention(*, days: Mapping[str, int], by: Actor) -> dict[str, int]:
    """How long each family is kept from now on; what is not named stays. Errors: Invalid platform.retention_bounds."""
    known = {family.name: family for family in FAMILIES}
    errors = [_out_of_bounds(known[name], value) for name, value in days.items() if not _fits(known[name], value)]
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    before = days_kept()
    for name, value in days.items():
        if value == before[name]:
            continue
        rule, _ = RetentionRule.objects.update_or_create(family=name, defaults={"days": value})
        record(by=by, action="retention.set", target=rule, before={"days": before[name]}, after={"days": value})
    return days_kept()


def preview(days: Mapping[str, int], *, now: datetime) -> dict[str, int]:
    """How many rows of each family would go with these settings, COUNTED_AT_MOST at most."""
    expired = {family.name: _expired(family, days[family.name], now) for family in FAMILIES if family.name != _RECORDS}
    old = now - timedelta(days=days[_RECORDS])
    return expired | {_RECORDS: record_log().count_before(old, COUNTED_AT_MOST)}


def purge_expired(*, now: datetime) -> int:
    """Delete what is over; the number of rows that went. Short transactions, and no more than a run's worth of them."""
    days = {name: timedelta(days=count) for name, count in days_kept().items()}
    rollups = {period: days[name] for name, period in _PERIODS.items()}
    count = usage.purge(now=now, records=days[_RECORDS], rollups=rollups)
    count += purge_told(now)
    for family in FAMILIES:
        if family.name == _AUDIT:
            count += _told(family, _purge_audit(now - days[_AUDIT]), now - days[_AUDIT])
        elif family.name not in _OF_USAGE:
            count += _told(family, _purge(family, now - days[family.name]), now - days[family.name])
    return count


def _purge_audit(until: datetime) -> int:
    """How many entries went: whole beginnings of the chain, so that it can still be checked."""
    chain.extend()
    count = 0
    for _ in range(_TRANSACTIONS_A_RUN):
        gone = chain.purge(until, _ROWS_A_TRANSACTION)
        count += gone
        if gone < _ROWS_A_TRANSACTION:
            break
    return count


def _purge(family: Family, until: datetime) -> int:
    """How many rows went."""
    model, count = family.models[0], 0
    old = model._default_manager.filter(**{f"{family.moment}__lt": until})  # noqa: SLF001 - documented
    for _ in range(_TRANSACTIONS_A_RUN):
        ids = list(old.order_by(family.moment).values_list("pk", flat=True)[:_ROWS_A_TRANSACTION])
        if ids:
            count += model._default_manager.filter(pk__in=ids).delete()[0]  # noqa: SLF001 - as above
        if len(ids) < _ROWS_A_TRANSACTION:
            break
    return count


def _told(family: Family, count: int, until: datetime) -> int:
    """The number of rows that went; the audit log says so."""
    if count:
        rule = RetentionRule(family=family.name, days=family.days)
        after = {"rows": count, "older_than": until.isoformat()}
        record(by=system_actor("retention"), action="retention.purge", target=rule, after=after)
    return count


def _expired(family: Family, days: int, now: datetime) -> int:
    condition = {f"{family.moment}__lt": now - timedelta(days=days), **family.condition}
    return sum(
        model._default_manager.filter(**condition)[:COUNTED_AT_MOST].count()  # noqa: SLF001 - documented
        for model in family.models
    )


def _fits(family: Family, days: int) -> bool:
    return family.least <= days <= family.most


def _out_of_bounds(family: Family, days: int) -> Invalid:
    text = gettext("%(title)s: %(days)d days is not from %(least)d to %(most)d.")
    names = {"title": family.title, "days": days, "least": family.least, "most": family.most}
    return Invalid("platform.retention_bounds", text % names, field=family.name)
