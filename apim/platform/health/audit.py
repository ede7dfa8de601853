"""The audit log: whether its chain is whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.audit.chain import chain_state
from apim.platform.health.verdicts import Verdict, amber, green, red

LATE_AFTER: Final = timedelta(minutes=5)
CHECKED_WITHIN: Final = timedelta(days=7)
_PAGE: Final = "/console/admin/audit"
_START_WORKER: Final = "celery -A apim.config worker -Q default"


def chain() -> Verdict:
    """Whether an entry was changed or removed, and whether new ones are chained and checked in time."""
    state, now = chain_state(), timezone.now()
    if state.open_faults:
        text = ngettext(
            "%(count)d entry of the audit log was changed or removed, not by the product.",
            "%(count)d entries of the audit log were changed or removed, not by the product.",
            len(state.open_faults),
        )
        return red(text % {"count": len(state.open_faults)}, page=_PAGE)
    if state.oldest_unchained and now - state.oldest_unchained > LATE_AFTER and not state.is_catching_up:
        return amber(gettext("New entries of the audit log are not chained. Start the workers."), command=_START_WORKER)
    if state.checked_at is None or now - state.checked_at > CHECKED_WITHIN:
        return green(gettext("The audit log is being checked from its first entry."))
    return green(gettext("The audit log is whole, as far as entry %(number)d.") % {"number": state.number})
