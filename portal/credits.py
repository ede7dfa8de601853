"""What the credits page draws: the balance of the last days, and where it leads."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from apim.billing.credits.reading import DAYS_SHOWN
from apim.pricing.money import from_minor
from apim.pricing.words import amount_words
from apim.ui.drawdown import Drawdown
from apim.ui.templatetags.formats import day, short_day

if TYPE_CHECKING:
    from apim.billing.credits.reading import CreditsView

_DAYS_AHEAD: Final = 14
_DAY: Final = timedelta(days=1)


def picture_of(view: CreditsView) -> Drawdown | None:
    """The draw-down; None before the first credits."""
    if not any(view.balances):
        return None
    ahead = _ahead(view)
    last_day = view.first_day + _DAY * (DAYS_SHOWN - 1 + len(ahead))
    top = amount_words(from_minor(max(view.balances), view.currency), view.currency)
    now = amount_words(from_minor(view.balance, view.currency), view.currency)
    summary = _("Balance of the last %(days)s days: now %(now)s, at most %(top)s.")
    summary %= {"days": DAYS_SHOWN, "now": now, "top": top}
    if view.exhausted_at is not None:
        ends = _("At the present pace it is used up on %(day)s.") % {"day": day(view.exhausted_at.astimezone(UTC))}
        summary = f"{summary} {ends}"
    labels = (top.rpartition(" ")[0], short_day(view.first_day), short_day(last_day))
    return Drawdown(view.balances, ahead, labels, summary)


def _ahead(view: CreditsView) -> list[int]:
    """The balance of the days to come, down to nothing."""
    if view.exhausted_at is None or view.balance <= 0:
        return []
    days = max((view.exhausted_at - timezone.now()) / _DAY, 0.01)
    found = [int(view.balance * (1 - number / days)) for number in range(1, _DAYS_AHEAD + 1) if number <= days]
    return [*found, 0] if len(found) < _DAYS_AHEAD else found
