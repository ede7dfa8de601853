"""Limits and names that the modules of this app share."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

DELIVER_TASK: Final = "apim.webhooks.tasks.deliver_due"

# After each failed attempt: when the next one comes. The schedule that the Standard Webhooks specification proposes.
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS: Final = len(PAUSES) + 1
DISABLED_AFTER: Final = timedelta(days=5)  # without one success
KEPT_FOR: Final = timedelta(days=30)
ANSWER_WITHIN_S: Final = 15.0
LEASE: Final = timedelta(seconds=90)  # longer than any attempt: who was killed during one is followed by another
MOST_ENDPOINTS: Final = 20  # of an organization
LONGEST_OVERLAP: Final = timedelta(days=7)
