"""Gateways: whether they are heard from, what they run, and whether changes reach them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.gateways.models import Certificate, Environment, Gateway, Worker
from apim.gateways.standing import SILENT_AFTER, is_clock_wrong, refuses_keys
from apim.listing import enumerated
from apim.platform.health.verdicts import Verdict, amber, green, red
from gateway_sync.delivery.comparing import TOLD_FOR
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.trials import expected_digests

SLOW_AFTER: Final = timedelta(seconds=30)
ENDING_WITHIN: Final = timedelta(days=14)
_PAGE: Final = "/console/admin/gateways"
_NAMES_SHOWN: Final = 3


def gateways() -> Verdict:
    """Whether each is heard from, and its workers run what was published."""
    now = timezone.now()
    known = list(Gateway.objects.select_related("environment").prefetch_related("workers"))
    if not known:
        return amber(gettext("No gateway is enrolled, so no API is served."), page=_PAGE)
    silent = [gateway for gateway in known if gateway.seen_at is None or now - gateway.seen_at > SILENT_AFTER]
    if silent:
        text = gettext("Not heard from: %(names)s. Is it running, and does it reach this site?")
        if any(refuses_keys(gateway, now) for gateway in silent):
            text = gettext(
                "Not heard from: %(names)s. Some for longer than their environment lets a gateway take keys that is cut"
                " off: if they run, they refuse calls that need one. Do they run, and do they reach this site?"
            )
        return red(text % {"names": names_of(silent)}, command="systemctl status apim-gateway", page=_PAGE)
    if refusing := [gateway for gateway in known if any(worker.refuses_state for worker in gateway.workers.all())]:
        text = gettext("Workers refuse what was published: %(names)s. The page says why.")
        return red(text % {"names": names_of(refusing)}, page=_PAGE)
    expected = expected_digests(known)
    apart = [gateway for gateway in known if gateway.state == Gateway.State.QUARANTINED]
    if apart:
        text = gettext("In quarantine, so they serve an older state: %(names)s.")
        return amber(text % {"names": names_of(apart)}, page=_PAGE)
    if astray := [gateway for gateway in known if is_clock_wrong(gateway, now)]:
        text = gettext("Their clocks are wrong, so their calls are noted at the moment they come: %(names)s. Set them.")
        return amber(text % {"names": names_of(astray)}, command="timedatectl", page=_PAGE)
    behind = [gateway for gateway in known if _is_behind(gateway, expected[gateway.pk], now)]
    if behind:
        text = gettext("Workers run an older state: %(names)s.")
        return amber(text % {"names": names_of(behind)}, page=_PAGE)
    oldest = max((now - worker.seen_at for gateway in known for worker in gateway.workers.all()), default=timedelta())
    text = ngettext(
        "%(count)d gateway runs what was published; heard from %(seconds)d s ago.",
        "%(count)d gateways run what was published; all heard from within %(seconds)d s.",
        len(known),
    )
    return green(text % {"count": len(known), "seconds": max(1, round(oldest.total_seconds()))})


def publishing() -> Verdict:
    """Whether what was changed is sent to gateways."""
    now = timezone.now()
    on_trial = set(Publication.objects.filter(stage=Publication.Stage.TRIAL).values_list("environment_id", flat=True))
    late = [
        environment
        for environment in Environment.objects.waiting_to_publish()
        if environment.touched_at is not None
        and now - environment.touched_at > SLOW_AFTER
        and environment.pk not in on_trial
    ]
    if late:
        text = gettext("Changes wait to be published: %(names)s. The publishing worker does not take them.")
        command = "celery -A apim.config worker -Q publishing -P solo"
        return red(text % {"names": names_of(late)}, command=command)
    drifted = Environment.objects.filter(comparison__differed_at__gt=now - TOLD_FOR)
    if drifted:
        text = gettext(
            "Compiling only what changed gave another state than compiling everything: %(names)s. Gateways were sent"
            " what compiling everything gives. This is a fault of the product, or of who edited its database: the log"
            " of the publishing worker names what differed."
        )
        return amber(text % {"names": names_of(drifted)}, page="/console/admin/publications")
    return green(gettext("What was changed is published."))


def certificates() -> Verdict:
    """Whether one has ended or ends soon."""
    now = timezone.now()
    ending = Certificate.objects.filter(not_after__lt=now + ENDING_WITHIN).order_by("not_after")
    rows = list(ending[: _NAMES_SHOWN + 1])
    page = "/console/admin/certificates"
    if not rows:
        return green(gettext("No certificate ends within %(days)d days.") % {"days": ENDING_WITHIN.days})
    if rows[0].not_after <= now:
        ended = [row for row in rows if row.not_after <= now]
        return red(gettext("Ended: %(names)s. Replace them.") % {"names": names_of(ended)}, page=page)
    text = gettext("End within %(days)d days: %(names)s.")
    return amber(text % {"names": names_of(rows), "days": ENDING_WITHIN.days}, page=page)


def _is_behind(gateway: Gateway, digest: str, now: datetime) -> bool:
    """True when a worker runs neither the published revision nor an equal one, though there was time for it."""
    environment = gateway.environment
    if environment.published_at is None or now - environment.published_at < SLOW_AFTER:
        return False
    return any(_runs_another(worker, environment, digest) for worker in gateway.workers.all())


def _runs_another(worker: Worker, environment: Environment, digest: str) -> bool:
    return worker.revision < environment.published_revision and worker.digest != digest


def names_of(rows: Iterable[object]) -> str:
    """The first few, and how many more there are."""
    names = [str(row) for row in rows]
    rest = len(names) - _NAMES_SHOWN
    return enumerated(names[:_NAMES_SHOWN]) + (f" +{rest}" if rest > 0 else "")
