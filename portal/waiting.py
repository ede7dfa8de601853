"""Waiting for an owner's yes: who is asked, and how long that takes as a rule."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from apim.access.models import Subscription
from apim.accounts.models import Membership
from apim.ui.templatetags.formats import span_in_words

if TYPE_CHECKING:
    from apim.products.models import Product

_LAST = 20
_ENOUGH = 3  # of fewer decisions nothing follows
_NAMED = 3


def owners_asked(product: Product) -> list[str]:
    """Names of owners who can say yes, those that gave one; addresses are nobody's business."""
    owners = Membership.objects.filter(
        organization=product.organization_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return list(owners.exclude(user__name="").order_by("created_at").values_list("user__name", flat=True)[:_NAMED])


def usual_wait(product: Product) -> str:
    """The median of the last decisions about products of this organization, in words; "" while there are too few."""
    decided = (
        Subscription.objects.filter(
            product__organization=product.organization_id, asked_at__isnull=False, decided_at__isnull=False
        )
        .order_by("-decided_at")
        .values_list("asked_at", "decided_at")[:_LAST]
    )
    waits = [decided_at - asked_at for asked_at, decided_at in decided if asked_at and decided_at]
    return span_in_words(median(wait.total_seconds() for wait in waits)) if len(waits) >= _ENOUGH else ""
