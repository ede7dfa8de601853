"""What endpoints can be told, by type.

Owns: the names, which callers' programs match on and which never change, and their words. Must not know: who tells.
"""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEST: Final = "webhook.test"  # sent on request to any endpoint

TYPES: Final[dict[str, Promise]] = {
    "key.created": _("A key, client or certificate of an application was made"),
    "key.expiring": _("A key ends soon: 14, 3 and 1 day before"),
    "key.expired": _("A key reached its end"),
    "key.revoked": _("A key was revoked"),
    "subscription.requested": _("A subscription waits for a decision"),
    "subscription.approved": _("A subscription was approved, or began by itself"),
    "subscription.rejected": _("A subscription was not approved"),
    "subscription.ended": _("A subscription is over"),
    "application.offered": _("An application was offered to you, or by you to somebody"),
    "application.transferred": _("An application came from, or went to, another organization"),
    "version.published": _("A version of an API you subscribed to was published"),
    "version.deprecated": _("A version you subscribed to got dates for its end"),
    "version.retired": _("A version you subscribed to is over"),
    "quota.nearly_used": _("80 % of a quota are used"),
    "quota.used_up": _("A quota is used up"),
    "alert.fired": _("An alert rule of an API of yours fires"),
}
