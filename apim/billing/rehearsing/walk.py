"""The walk: what each step of a rehearsal has at hand, how it waits, and how it tells what goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.clocks import time_of
from apim.billing.connection import Connection
from apim.billing.models import BillingSubscription, Rehearsal, RehearsalStep
from apim.pricing.terms import Terms

_PAUSE_S: Final = 0.4
_CLOCK_PATIENCE_S: Final = 300  # Stripe takes minutes for a clock with much on it
_DAYS_OF: Final = {"day": 1, "week": 7, "month": 28, "year": 365}


class StepFailed(Exception):
    """The step did not come to what it should. The words say what came instead."""


class Canceled(Exception):
    """Somebody wants the rehearsal to end now."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One step under way."""

    connection: Connection
    rehearsal: Rehearsal
    step: RehearsalStep

    @property
    def terms(self) -> Terms:
        """Of the plan that is rehearsed."""
        return self.rehearsal.plan_version.terms

    @property
    def subscription(self) -> Subscription:
        """Of the rehearsal's customer, as it stands now."""
        return Subscription.objects.select_related("plan_version").get(pk=self.rehearsal.subscription_ref)

    @property
    def mirror(self) -> BillingSubscription:
        """How Stripe sees it, as far as we know."""
        return BillingSubscription.objects.get(subscription_id=self.rehearsal.subscription_ref)

    def note(self, text: str) -> None:
        """Keep a line of what goes on, and be seen alive. Errors: Canceled."""
        now = timezone.now()
        self.step.log += f"{now:%H:%M:%S} {text}\n"
        self.step.save(update_fields=["log"])
        self.beat()

    def beat(self) -> None:
        """Be seen alive. Errors: Canceled, when somebody has had enough."""
        Rehearsal.objects.filter(pk=self.rehearsal.pk).update(beat_at=timezone.now())
        if Rehearsal.objects.filter(pk=self.rehearsal.pk, is_cancel_wanted=True).exists():
            raise Canceled

    def wait(self, is_so: Callable[[], bool], *, at_most_s: float) -> bool:
        """True as soon as it is so; False when it was not in time. Errors: Canceled."""
        deadline = time.monotonic() + at_most_s
        while not is_so():
            if time.monotonic() > deadline:
                return False
            self.beat()
            time.sleep(_PAUSE_S)
        return True

    def now(self) -> datetime:
        """The time on the customer's clock. Errors: DriverFailed."""
        return time_of(self.connection, self.rehearsal.clock_id)

    def advance(self, to: datetime) -> None:
        """Let the customer's time pass until then, in strides that Stripe allows; nothing when it has passed.

        Errors: DriverFailed, StepFailed, Canceled.
        """
        stride = timedelta(days=_DAYS_OF[self.terms.interval])
        to = to.replace(microsecond=0)  # Stripe's clocks have whole seconds
        while (now := self.now()) < to:
            target = min(to, now + stride)
            self.note(f"The test clock goes on to {target:%Y-%m-%d %H:%M} UTC.")
            params = {"frozen_time": int(target.timestamp())}
            self.connection.driver.act("test_helpers.test_clock", self.rehearsal.clock_id, "advance", params)
            self._arrive()

    def _arrive(self) -> None:
        def is_ready() -> bool:
            found = self.connection.driver.find("test_helpers.test_clock", self.rehearsal.clock_id)
            if found["status"] == "internal_failure":
                raise StepFailed("Stripe's test clock has failed: rehearse again.")
            return bool(found["status"] == "ready")

        if not self.wait(is_ready, at_most_s=_CLOCK_PATIENCE_S):
            raise StepFailed(f"The test clock did not arrive within {_CLOCK_PATIENCE_S} seconds.")
