"""Goodwill: credits that admins give, with a reason that the ledger and the audit log keep."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.credits.buying import check_credits
from apim.billing.credits.drawing import draw_usage
from apim.billing.credits.ledger import Gift, grant_credits, lock_account
from apim.billing.credits.starting import start_credits
from apim.billing.models import CreditGrant
from apim.errors import Conflict, Invalid

LARGEST: int = 10**12


@transaction.atomic
def give_goodwill(
    *, subscription: Subscription, amount: int, reason: str, expires_at: datetime | None, key: str, by: Actor
) -> CreditGrant:
    """The credits, given. Shapes: amount in minor units; key = of the form, so that sending it twice gives them once.

    Errors: billing.reason_missing, billing.amount_not_positive, billing.expiry_past, billing.no_credits,
    billing.given_already.
    """
    if not reason.strip():
        raise Invalid(
            "billing.reason_missing", _("Say why."), field="reason", hint=_("The ledger and the audit log keep it.")
        )
    if not 0 < amount <= LARGEST:
        raise Invalid(
            "billing.amount_not_positive", _("Credits are more than nothing."), field="amount", hint=_("Say 5.00.")
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(
            "billing.expiry_past", _("It would have ended already."), field="expires_at", hint=_("Leave it empty.")
        )
    version = check_credits(subscription)
    locked, account = lock_account(subscription.id)
    if account.started_at is None:
        locked = start_credits(locked, account, version, by=by)
    gift = Gift(CreditGrant.Source.GOODWILL, amount, f"goodwill:{key}", expires_at, None, reason.strip(), by.label)
    grant = grant_credits(account, gift)
    if grant is None:
        raise Conflict("billing.given_already", _("These credits were given a moment ago."), hint=_("Reload the page."))
    record(
        by=by,
        action="credits.give_goodwill",
        target=grant,
        after={"amount": amount, "currency": account.currency, "subscription": subscription.id},
        organization_id=subscription.organization_id,
        reason=reason.strip()[:255],
    )
    draw_usage(subscription.id)
    return grant
