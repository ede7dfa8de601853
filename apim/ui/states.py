"""How each state of an object looks: colour, icon and word. Never colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise


class Look(NamedTuple):
    """Shapes: kind is ok, warn, danger, muted or empty (accent); icon is a name in static/icons/lucide.svg."""

    kind: str
    icon: str
    word: str | Promise


LOOKS = {
    # versions and plan versions
    "draft": Look("muted", "circle-dashed", _("Draft")),
    "review": Look("", "eye", _("In review")),
    "published": Look("ok", "circle-check", _("Published")),
    "deprecated": Look("warn", "clock-alert", _("Deprecated")),
    "retired": Look("muted", "circle-slash", _("Retired")),
    "blocked": Look("danger", "octagon-x", _("Blocked")),
    "archived": Look("muted", "archive", _("Archived")),
    # subscriptions, applications, organizations
    "pending": Look("warn", "clock", _("Waiting for approval")),
    "active": Look("ok", "circle-check", _("Active")),
    "paused": Look("warn", "circle-pause", _("Paused")),
    "canceled": Look("warn", "circle-minus", _("Ends soon")),
    "ended": Look("muted", "circle-slash", _("Ended")),
    "rejected": Look("danger", "circle-x", _("Rejected")),
    "suspended": Look("danger", "ban", _("Suspended")),
    # payments, invoices
    "none": Look("muted", "circle", _("Nothing to pay")),
    "ok": Look("ok", "circle-check", _("Paid")),
    "paid": Look("ok", "circle-check", _("Paid")),
    "grace": Look("warn", "clock-alert", _("Payment failed")),
    "restricted": Look("warn", "clock-alert", _("Restricted")),
    "open": Look("warn", "clock", _("Open")),
    "uncollectible": Look("danger", "circle-x", _("Given up")),
    "void": Look("muted", "circle-slash", _("Void")),
    # credentials
    "rolling": Look("warn", "refresh-cw", _("Being replaced")),
    "revoked": Look("muted", "ban", _("Revoked")),
    "expired": Look("muted", "alarm-clock", _("Expired")),
    # visibility
    "public": Look("", "globe", _("Public")),
    "internal": Look("muted", "lock", _("Internal")),
    # roles
    "owner": Look("", "shield-check", _("Owner")),
    "developer": Look("muted", "code", _("Developer")),
    "admin": Look("", "shield", _("Admin")),
    # gateways, publishing
    "live": Look("ok", "circle-dot", _("Live")),
    "stale": Look("warn", "clock-alert", _("Not heard from")),
    "waiting": Look("warn", "loader", _("Waiting to publish")),
    # webhooks
    "switched_on": Look("ok", "circle-check", _("On")),
    "switched_off": Look("danger", "power", _("Switched off")),
    "failing": Look("warn", "triangle-alert", _("Failing")),
    "on_its_way": Look("", "loader", _("On its way")),
    "delivered": Look("ok", "circle-check", _("Delivered")),
    # work that goes on for a while
    "running": Look("", "loader", _("Running")),
    "done": Look("ok", "circle-check", _("Done")),
    "failed": Look("danger", "circle-x", _("Failed")),
    "skipped": Look("muted", "circle-minus", _("Skipped")),
    # checks of the installation
    "green": Look("ok", "circle-check", _("Fine")),
    "amber": Look("warn", "triangle-alert", _("Look at it")),
    "red": Look("danger", "circle-x", _("Mend it")),
    # severities
    "error": Look("danger", "circle-x", _("Error")),
    "warning": Look("warn", "triangle-alert", _("Warning")),
    "info": Look("", "info", _("Note")),
    "hint": Look("", "info", _("Hint")),
    # what a change does to callers
    "breaking": Look("danger", "octagon-x", _("Breaking")),
    "safe": Look("ok", "circle-check", _("Safe")),
    "text": Look("muted", "file-code", _("Words")),
}


def look_of(state: str) -> Look:
    """The look of a state; an unknown one is shown plainly by its own word."""
    return LOOKS.get(state) or Look("muted", "circle", state.replace("_", " ").capitalize())
