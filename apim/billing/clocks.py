"""Whose time it is: a payer on one of Stripe's test clocks lives in that clock's time, everybody else in ours."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from apim.billing.connection import Connection
from apim.billing.folding import moment_of


def time_of(connection: Connection, clock_id: str) -> datetime:
    """The present moment for who lives on the test clock; "" is everybody else. Errors: DriverFailed."""
    if not clock_id:
        return timezone.now()
    return moment_of(connection.driver.find("test_helpers.test_clock", clock_id)["frozen_time"])
