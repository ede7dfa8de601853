"""Switching the living demo on and off, and removing it. Every write goes through here.

Owns: when a demo may run. Must not know: what it calls, and how its traces are taken away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor, system_actor
from apim.audit.services import record
from apim.billing.connection import mode_in_use
from apim.billing.models import Mode
from apim.demo import history, removal
from apim.demo.customers import called_among, make_customers
from apim.demo.job_kinds import ask_for_history
from apim.demo.models import Demo
from apim.errors import Conflict
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.usage.periods import start_of

BY_ITSELF = system_actor("living demo")
_PRODUCTION_WORDS = {"live", "prod", "production"}


@dataclass(frozen=True, slots=True)
class DemoState:
    """What pages, the REST API and the command line tell of the demo.

    Shapes: state is "absent", "on", "off" or "removing"; history_percent is how much of the made history is there.
    """

    state: str
    environment: str = ""
    started_at: datetime | None = None
    started_by: str = ""
    last_sent_at: datetime | None = None
    sent: int = 0
    history_percent: int = 0
    error: str = ""

    @property
    def is_there(self) -> bool:
        """True while something on the pages may be made."""
        return self.state != "absent"


def demo_state() -> DemoState:
    """How the demo stands. Two queries."""
    demo = Demo.objects.first()
    if demo is None:
        return DemoState("absent")
    environment = Environment.objects.filter(id=demo.environment_id).values_list("name", flat=True).first()
    return DemoState(
        state="removing" if demo.is_removing else "on" if demo.is_on else "off",
        environment=environment or "",
        started_at=demo.started_at,
        started_by=demo.started_by,
        last_sent_at=demo.last_sent_at,
        sent=demo.sent,
        history_percent=history.percent_made(demo),
        error=demo.error,
    )


def counts_for(version_ids: Collection[str], *, environment_id: str) -> bool:
    """True where numbers of these versions hold calls that the demo made or made up. At most two queries."""
    if not Demo.objects.filter(environment_id=environment_id).exists():
        return False
    return called_among(version_ids)


def is_production(environment: Environment) -> bool:
    """True where a demo would stand among real customers: by the environment's name, or a public HTTPS address."""
    words = set(environment.name.replace("_", "-").split("-"))
    return bool(words & _PRODUCTION_WORDS) or urlsplit(settings.BASE_URL).scheme == "https"


@transaction.atomic
def switch_on(*, by: Actor, is_production_meant: bool = False) -> DemoState:
    """The demo, running: its customers are made the first time; a second switch at the same moment changes nothing.

    Errors: Conflict demo.live_billing, demo.production, demo.removing, demo.no_example.
    """
    environment = default_environment()
    _require_allowed(environment, is_production_meant=is_production_meant)
    now = timezone.now()
    Demo.objects.get_or_create(
        id=1,
        defaults={
            "environment_id": environment.id,
            "started_at": now,
            "started_by": by.label,
            "next_tick_at": now,
            "backfill_until": start_of("minute", now),
        },
    )
    demo = Demo.objects.select_for_update().get()  # the second of two waits here, and finds it on
    if demo.is_removing:
        raise Conflict(
            "demo.removing",
            gettext("The demo is being removed."),
            hint=gettext("Wait until it is gone, and switch it on again."),
        )
    if demo.is_on:
        return demo_state()
    if not demo.made:
        make_customers(demo, environment, by)
    demo.is_on, demo.next_tick_at, demo.stopped_at, demo.error = True, now, None, ""
    demo.save()
    record(by=by, action="demo.on", target=demo, after={"environment": environment.name})
    ask_for_history(by=by)
    return demo_state()


@transaction.atomic
def switch_off(*, by: Actor) -> DemoState:
    """The demo, silent within seconds; what it made stays to be looked at."""
    demo = Demo.objects.select_for_update().first()
    if demo is not None and demo.is_on:
        demo.is_on, demo.stopped_at = False, timezone.now()
        demo.save(update_fields=["is_on", "stopped_at"])
        record(by=by, action="demo.off", target=demo)
    return demo_state()


@transaction.atomic
def remove(*, by: Actor) -> DemoState:
    """The demo, stopped and on its way out: its customers go now, what was counted of them within a few minutes.

    Errors: Conflict demo.in_use when somebody built on what it made.
    """
    demo = Demo.objects.select_for_update().first()
    if demo is None or demo.is_removing:
        return demo_state()
    try:
        with transaction.atomic():
            removal.take_away(demo, by)
    except ProtectedError as error:
        used_by = next(iter(error.protected_objects))
        raise Conflict(
            "demo.in_use",
            gettext("%(used_by)s depends on what the demo made, so it cannot be removed.") % {"used_by": used_by},
            hint=gettext("Delete that first."),
        ) from error
    demo.is_on, demo.is_removing, demo.stopped_at = False, True, timezone.now()
    demo.save(update_fields=["is_on", "is_removing", "stopped_at"])
    record(by=by, action=removal.REMOVED, target=demo, before={"made": demo.made}, reason="demo removed")
    return demo_state()


def _require_allowed(environment: Environment, *, is_production_meant: bool) -> None:
    if mode_in_use() == Mode.LIVE:
        raise Conflict(
            "demo.live_billing",
            gettext("Payments are live here, so there is no demo: made calls must never meet real money."),
            hint=gettext("Run it on an installation with a test key of Stripe, or with none."),
        )
    if is_production(environment) and not is_production_meant:
        raise Conflict(
            "demo.production",
            gettext("This looks like production, where made traffic would stand among that of real customers."),
            hint=gettext("Say that it is meant: tick the box, or `apim demo on --in-production`."),
        )
