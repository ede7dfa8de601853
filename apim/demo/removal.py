"""Taking the demo away: what was made at once, what was counted in steps, until no row tells of it but the audit log's.

Gateways tell of calls some seconds late, so sweeping goes on for a while after the last one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.apps import apps
from django.db import models, transaction

from apim.access import records
from apim.access.models import Application, Subscription
from apim.access.services import delete_application
from apim.accounts.models import Organization
from apim.alerts.models import Anomaly, Firing
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.models import APIVersion
from apim.demo.customers import NAMES, VERSION
from apim.demo.job_kinds import HISTORY
from apim.demo.models import Demo, DemoRefusal
from apim.demo.shape import BANK, TRADING
from apim.gateways.models import Environment
from apim.gateways.services import touch
from apim.jobs.models import Job
from apim.notifications.models import Message, Notification
from apim.products.models import Plan, ProductPlan
from apim.usage.models import KeptTrace, SideRollup, UsageRollup
from apim.usage.periods import PERIODS, start_of
from apim.usage.services import KEEP_RECORDS
from apim.usage.summaries import sum_up_everything

SETTLES_AFTER = timedelta(seconds=90)
_RUN_S = 8.0
_ROWS_A_TRANSACTION = 2_000
_MINUTE = timedelta(minutes=1)
REMOVED = "demo.remove"
_REFUSED = "unauthenticated"
_KEPT_APPS = ("audit", "demo")  # the audit log keeps what happened; the demo's own rows go last


def take_away(demo: Demo, by: Actor) -> None:
    """Delete organizations, applications, keys, subscriptions and plans, and tell gateways. Within a transaction."""
    for application in Application.objects.filter(id__in=demo.made["application"]):
        delete_application(application=application, by=by)
    gone = [
        *map(records.removed_subscription, demo.made["subscription"]),
        *map(records.removed_organization, Organization.objects.filter(id__in=demo.made["organization"])),
    ]
    Subscription.objects.filter(id__in=demo.made["subscription"]).delete()
    Organization.objects.filter(id__in=demo.made["organization"]).delete()
    ProductPlan.objects.filter(plan__in=demo.made["plan"]).delete()
    Plan.objects.filter(id__in=demo.made["plan"]).delete()
    touch(Environment.objects.values_list("id", flat=True))
    records.emit(records.Affected(gone=tuple(gone)))


def sweep(now: datetime, *, within_s: float = _RUN_S) -> bool:
    """True when nothing of a demo that is to go is left; goes on with the next run when there is much."""
    demo = Demo.objects.filter(is_removing=True).first()
    if demo is None:
        return False
    ends_at = time.monotonic() + within_s
    for rows in _told_of(demo):
        while _delete_some(rows) == _ROWS_A_TRANSACTION:
            if time.monotonic() >= ends_at:
                return False
    if now < (demo.stopped_at or now) + SETTLES_AFTER:
        return False
    return _finish()


@transaction.atomic
def sweep_again(now: datetime) -> int:
    """How many rows went that came back: a gateway that starts anew sends again what it is not sure to have sent.

    The records by which a repeat is known went with the demo, so for as long as gateways repeat any, the audit log's
    row of the removal says whose they are. All in one transaction, since nothing would say later that the sums by
    version still count what went.
    """
    gone = 0
    removals = AuditEvent.objects.filter(action=REMOVED, at__gte=now - KEEP_RECORDS)
    for before in removals.values_list("before", flat=True):
        for rows in _naming((before or {}).get("made", {})):
            while deleted := _delete_some(rows):
                gone += deleted
    if gone:
        sum_up_everything()
    return gone


def _told_of(demo: Demo) -> Iterator[models.QuerySet]:
    """Every row that tells of the demo."""
    yield from _naming(demo.made)
    called = APIVersion.objects.filter(api__name=BANK, name=VERSION).values("id")
    yield KeptTrace.objects.filter(version_id__in=called, application_id="", code=_REFUSED)  # of the revoked key, maybe
    yield from _alerts_of(demo)
    told = models.Q()
    for name in NAMES:
        told |= models.Q(subject__contains=name) | models.Q(body__contains=name)
    yield Message.objects.filter(told, created_at__gte=demo.started_at)


def _naming(made: Mapping[str, Sequence[str]]) -> Iterator[models.QuerySet]:
    """The rows of every table that name what was made, by id and without a foreign key."""
    yield SideRollup.objects.filter(side=SideRollup.CREDENTIAL, identifier__in=made.get("credential", ()))
    for model in apps.get_models():
        if model._meta.app_label in _KEPT_APPS:  # noqa: SLF001 - public by custom
            continue
        for field in model._meta.concrete_fields:  # noqa: SLF001 - public by custom
            kind = field.attname.removesuffix("_id")
            if kind in made and not field.is_relation and not field.primary_key:
                yield model._default_manager.filter(**{f"{field.attname}__in": made[kind]})  # noqa: SLF001


def _alerts_of(demo: Demo) -> Iterator[models.QuerySet]:
    """What was noted of the called APIs while the demo ran: anomalies, firings, and what told of them."""
    since = demo.started_at
    yield Anomaly.objects.filter(api__name__in=(BANK, TRADING), created_at__gte=since)
    firings = Firing.objects.filter(rule__api__name__in=(BANK, TRADING), created_at__gte=since)
    rules = set(firings.values_list("rule_id", flat=True))
    told = models.Q(pk__in=())
    for rule in rules:
        told |= models.Q(body__contains=f"/console/alerts/{rule}")
    yield Message.objects.filter(told, created_at__gte=since)
    yield Notification.objects.filter(cause__in=[f"alert:{pk}" for pk in firings.values_list("pk", flat=True)])
    yield firings


def _delete_some(rows: models.QuerySet) -> int:
    """How many went; fewer than the most of a transaction when none is left."""
    with transaction.atomic():
        ids = list(rows.values_list("pk", flat=True)[:_ROWS_A_TRANSACTION])
        rows.model._default_manager.filter(pk__in=ids).delete()  # noqa: SLF001 - public by custom
    return len(ids)


@transaction.atomic
def _finish() -> bool:
    """The last step: calls without an identity taken off the sums, then the demo's own rows."""
    demo = Demo.objects.select_for_update().filter(is_removing=True).first()
    if demo is None:
        return False
    refused = dict(DemoRefusal.objects.values_list("at", "calls"))
    for period in PERIODS:
        sums: dict[datetime, int] = {}
        for at, calls in refused.items():
            start = start_of(period, at)
            sums[start] = sums.get(start, 0) + calls
        _take_off(period, sums, demo.environment_id)
    sum_up_everything()
    DemoRefusal.objects.all().delete()
    Job.objects.filter(kind=HISTORY).delete()
    demo.delete()
    return True


def _take_off(period: str, sums: dict[datetime, int], environment_id: str) -> None:
    """Less calls in the rows of unauthenticated callers. A minute's call may have been counted in the next one."""
    if not sums:
        return
    rows = UsageRollup.objects.filter(
        period=period,
        at__gte=min(sums),
        at__lte=max(sums) + _MINUTE,
        environment_id=environment_id,
        application_id="",
        code=_REFUSED,
        status=401,
        version_id__in=APIVersion.objects.filter(api__name=BANK, name=VERSION).values("id"),
    )
    by_start: dict[datetime, list[UsageRollup]] = {}
    for row in rows.order_by("at", "-calls"):
        by_start.setdefault(row.at, []).append(row)
    for start, calls in sums.items():
        left = calls
        for row in [*by_start.get(start, ()), *by_start.get(start + _MINUTE, ())]:
            left -= _take_from(row, left)


def _take_from(row: UsageRollup, calls: int) -> int:
    """How many were taken."""
    taken = min(row.calls, calls)
    if not taken:
        return 0
    share = taken / row.calls
    row.calls -= taken
    row.request_bytes -= round(row.request_bytes * share)
    row.response_bytes -= round(row.response_bytes * share)
    if row.calls:
        row.save(update_fields=["calls", "request_bytes", "response_bytes"])
    else:
        row.delete()
        row.calls = 0
    return taken
