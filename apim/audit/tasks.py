"""The audit log's clockwork: entries are chained, and the chain is read through again and again."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from apim.audit import chain

_CHECK_S: Final = 4.0


@shared_task(name="apim.audit.tasks.extend_chain")
def extend_chain() -> int:
    """Chain what was written since; how many entries."""
    return chain.extend()


@shared_task(name="apim.audit.tasks.check_chain")
def check_chain() -> None:
    """Go on with the check for some seconds; it begins anew when it is through."""
    ends_at = time.monotonic() + _CHECK_S
    while not chain.check() and time.monotonic() < ends_at:
        pass
