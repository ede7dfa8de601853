"""What is done by the clock: fetching the keys of issuers of tokens, tending the catalogue's search."""

from __future__ import annotations

from celery import shared_task

from apim.catalog.constants import REFRESH_KEYS_TASK
from apim.catalog.issuer_keys import refresh_due
from apim.catalog.searching import save_missing_texts
from apim.catalog.services.interest import forget_missed_searches


@shared_task(name=REFRESH_KEYS_TASK)
def refresh_issuer_keys(source: str = "") -> int:
    """Fetch what is due, and source in any case; how many sets changed."""
    return refresh_due(at_once=source)


@shared_task(name="apim.catalog.tasks.tend_search")
def tend_search() -> None:
    """Index what was never indexed, and forget old searches without a hit."""
    save_missing_texts()
    forget_missed_searches()
