"""What can be watched: who may, and a mark that is another one whenever there is something new to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from django.db.models import Count, Max, Sum, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from apim.access.models import Application, Subscription
from apim.accounts.models import User
from apim.accounts.permissions import is_admin, owns_anything
from apim.billing.models import Rehearsal, RehearsalStep, StripeEvent, TopUp
from apim.catalog.models import APIVersion, Deployment
from apim.console.jobs import jobs
from apim.gateways.models import Environment, Gateway, Worker
from apim.gateways.standing import SILENT_AFTER
from apim.jobs.models import Job
from apim.notifications.models import Notification
from apim.products.models import Meter
from apim.usage.models import ReceivedBoot, Rollup, UsageRollup
from apim.webhooks.models import Delivery

_LATELY: Final = timedelta(minutes=10)
_DIGITS: Final = 10
_EACH_CALL_S: Final = 1.0
_EACH_SUM_S: Final = 2.0  # what the page asks for then adds up a month


class Subject(NamedTuple):
    """Something to watch, such as `application:app_…` or `fleet`. Shapes: key is "" for a kind there is one of."""

    kind: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" if self.key else self.kind


class _Kind(NamedTuple):
    may_watch: Callable[[User, str], bool]
    marks: Callable[[Collection[str]], Mapping[str, object]]  # a fixed number of queries; a key that is gone has none
    each_s: float = 0.0  # read no more often: what changes with every call, or costs more to show than to tell


def permitted(user: User, subjects: Iterable[Subject]) -> frozenset[Subject]:
    """Those of the subjects that exist and that the person may watch."""
    return frozenset(
        each for each in subjects if (kind := _KINDS.get(each.kind)) is not None and kind.may_watch(user, each.key)
    )


def read_marks(subjects: Iterable[Subject]) -> dict[Subject, str]:
    """The mark of each subject: a few queries a kind, however many are watched."""
    keys: dict[str, set[str]] = defaultdict(set)
    for subject in subjects:
        keys[subject.kind].add(subject.key)
    found: dict[Subject, str] = {}
    for kind, its_keys in keys.items():
        marks = _KINDS[kind].marks(its_keys)
        found |= {Subject(kind, key): _digest(marks.get(key)) for key in its_keys}
    return found


def pace_s(subject: Subject) -> float:
    """How many seconds lie between two looks at the subject at least; 0 = it is looked at each time."""
    return _KINDS[subject.kind].each_s


def parse(text: str) -> tuple[Subject, str]:
    """`kind:key~mark` as a subject and the mark that a page was made with, "" = it does not say."""
    name, _, mark = text.partition("~")
    kind, _, key = name.partition(":")
    return Subject(kind, key), mark


def _digest(mark: object) -> str:
    if isinstance(mark, int):  # a page can write it beside what it shows
        return str(mark)
    return sha256(repr(mark).encode()).hexdigest()[:_DIGITS]


def _unread(user_ids: Collection[str]) -> Mapping[str, object]:
    rows = Notification.objects.filter(user_id__in=user_ids).unread().order_by().values_list("user_id")
    counts: dict[str, object] = dict.fromkeys(user_ids, 0)
    return counts | dict(rows.annotate(Count("id")))


def _jobs(_: Collection[str]) -> Mapping[str, object]:
    return {"": [(job.kind, job.page, job.state, job.done, job.total) for job in jobs().lines]}


def _one_job(ids: Collection[str]) -> Mapping[str, object]:
    rows = Job.objects.filter(id__in=ids).values_list("id", "state", "done", "total", "note", "is_cancel_wanted")
    return {row[0]: row[1:] for row in rows}


def _fleet(_: Collection[str]) -> Mapping[str, object]:
    silent = timezone.now() - SILENT_AFTER
    workers = Worker.objects.order_by("gateway_id", "slot").values_list(
        "gateway_id", "slot", "boot", "revision", "access_seq", "digest", "problems", "seen_at"
    )
    environments = Environment.objects.order_by("id").values_list("id", "revision", "published_revision")
    return {"": (list(environments), [(*row[:-1], row[-1] < silent) for row in workers])}


def _applications(ids: Collection[str]) -> Mapping[str, object]:
    rows = UsageRollup.objects.filter(
        period=Rollup.Period.MINUTE, application_id__in=ids, at__gte=timezone.now() - _LATELY
    )
    totals = rows.order_by().values("application_id").annotate(calls=Sum("calls"), last=Max("at"))
    # The last minute tells of calls as well as the sum does, and does not change as old minutes leave the window.
    sums: dict[str, object] = {row["application_id"]: (row["last"], row["calls"]) for row in totals}
    return sums


def _subscriptions(ids: Collection[str]) -> Mapping[str, object]:
    rows = Subscription.objects.filter(id__in=ids).values_list(
        "id", "lifecycle", "payment", "awaits_payment", "is_out_of_credits", "plan_version_id", "decided_at"
    )
    bought = list(
        TopUp.objects.filter(subscription_id__in=ids).order_by("id").values_list("subscription_id", "id", "state")
    )
    return {row[0]: (row[1:], [each[1:] for each in bought if each[0] == row[0]]) for row in rows}


def _deliveries(ids: Collection[str]) -> Mapping[str, object]:
    rows = Delivery.objects.filter(id__in=ids).values_list("id", "state", "attempts", "retry_at")
    return {row[0]: row[1:] for row in rows}


def _rehearsals(ids: Collection[str]) -> Mapping[str, object]:
    states = Rehearsal.objects.filter(id__in=ids).values_list("id", "state")
    steps = RehearsalStep.objects.filter(rehearsal_id__in=ids).order_by("id").values_list("rehearsal_id", "state")
    found: dict[str, object] = {key: (state, [each for owner, each in steps if owner == key]) for key, state in states}
    return found


class _Target(msgspec.Struct):
    """What is new about a target of gateways.models.Gateway.targets, without what fills most of it."""

    version: str
    target: str
    state: str
    requests: int
    failures: int


def _arms(version_ids: Collection[str]) -> Mapping[str, object]:
    found: dict[str, object] = {key: [] for key in version_ids}
    counts: dict[str, list[object]] = defaultdict(list)
    told = Gateway.objects.exclude(targets=[]).annotate(told=Cast("targets", TextField())).order_by("id")
    for text in told.values_list("told", flat=True):
        for each in _targets.decode(text):
            if each.version in found:
                counts[each.version].append((each.target, each.state, each.requests, each.failures))
    deployments = Deployment.objects.filter(version_id__in=version_ids).order_by("id")
    for version_id, weights in deployments.values_list("version_id", "arm_weights"):
        counts[version_id].append(sorted(weights.items()))
    return found | counts


_targets: Final = msgspec.json.Decoder(list[_Target])


def _meters(ids: Collection[str]) -> Mapping[str, object]:
    # Not the sum, which is read over a month of hours: that something was counted is known by when it last came.
    counted = ReceivedBoot.objects.aggregate(Max("last_at"))["last_at__max"]
    return {row[0]: (row[1], counted) for row in Meter.objects.filter(id__in=ids).values_list("id", "version")}


def _stripe_events(object_ids: Collection[str]) -> Mapping[str, object]:
    found = StripeEvent.objects.filter(object_id__in=object_ids).order_by().values_list("object_id", flat=True)
    return dict.fromkeys(found, "came")


_KINDS: Final[Mapping[str, _Kind]] = {
    "bell": _Kind(lambda user, key: user.pk == key, _unread),
    "jobs": _Kind(lambda user, key: is_admin(user) and not key, _jobs),
    "job": _Kind(lambda user, key: Job.objects.visible_to(user).filter(pk=key).exists(), _one_job),
    "fleet": _Kind(lambda user, key: owns_anything(user) and not key, _fleet),
    "application": _Kind(lambda user, key: Application.objects.visible_to(user).filter(pk=key).exists(), _applications),
    "subscription": _Kind(
        lambda user, key: Subscription.objects.visible_to(user).filter(pk=key).exists(), _subscriptions
    ),
    "delivery": _Kind(lambda user, key: Delivery.objects.visible_to(user).filter(pk=key).exists(), _deliveries),
    "arms": _Kind(lambda user, key: APIVersion.objects.editable_by(user).filter(pk=key).exists(), _arms, _EACH_CALL_S),
    "meter": _Kind(lambda user, key: Meter.objects.visible_to(user).filter(pk=key).exists(), _meters, _EACH_SUM_S),
    "stripe-event": _Kind(lambda user, key: is_admin(user) and bool(key), _stripe_events, _EACH_CALL_S),
    "rehearsal": _Kind(lambda user, key: Rehearsal.objects.visible_to(user).filter(pk=key).exists(), _rehearsals),
}
