"""What is done by the clock: fetching the keys of issuers of tokens."""

from __future__ import annotations

from celery import shared_task

from apim.catalog.constants import REFRESH_KEYS_TASK
from apim.catalog.issuer_keys import refresh_due


@shared_task(name=REFRESH_KEYS_TASK)
def refresh_issuer_keys(source: str = "") -> int:
    """Fetch what is due, and source in any case; how many sets changed."""
    return refresh_due(at_once=source)
