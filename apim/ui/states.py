"""How each state of an object looks: colour, icon and word. Never colour alone."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """Shapes: kind is ok, warn, danger, muted or empty (accent); icon is a name in static/icons/lucide.svg."""

    kind: str
    icon: str
    word: str


LOOKS = {
    # versions and plan versions
    "draft": Look("muted", "circle-dashed", "Draft"),
    "review": Look("", "eye", "In review"),
    "published": Look("ok", "circle-check", "Published"),
    "deprecated": Look("warn", "clock-alert", "Deprecated"),
    "retired": Look("muted", "circle-slash", "Retired"),
    "blocked": Look("danger", "octagon-x", "Blocked"),
    "archived": Look("muted", "archive", "Archived"),
    # subscriptions, applications, organizations
    "pending": Look("warn", "clock", "Waiting for approval"),
    "active": Look("ok", "circle-check", "Active"),
    "paused": Look("warn", "circle-pause", "Paused"),
    "canceled": Look("warn", "circle-minus", "Ends soon"),
    "ended": Look("muted", "circle-slash", "Ended"),
    "rejected": Look("danger", "circle-x", "Rejected"),
    "suspended": Look("danger", "ban", "Suspended"),
    # payments, invoices
    "none": Look("muted", "circle", "Nothing to pay"),
    "ok": Look("ok", "circle-check", "Paid"),
    "paid": Look("ok", "circle-check", "Paid"),
    "grace": Look("warn", "clock-alert", "Payment failed"),
    "restricted": Look("warn", "clock-alert", "Restricted"),
    "open": Look("warn", "clock", "Open"),
    "uncollectible": Look("danger", "circle-x", "Given up"),
    "void": Look("muted", "circle-slash", "Void"),
    # credentials
    "rolling": Look("warn", "refresh-cw", "Being replaced"),
    "revoked": Look("muted", "ban", "Revoked"),
    "expired": Look("muted", "alarm-clock", "Expired"),
    # visibility
    "public": Look("", "globe", "Public"),
    "internal": Look("muted", "lock", "Internal"),
    # roles
    "owner": Look("", "shield-check", "Owner"),
    "developer": Look("muted", "code", "Developer"),
    "admin": Look("", "shield", "Admin"),
    # gateways, publishing
    "live": Look("ok", "circle-dot", "Live"),
    "stale": Look("warn", "clock-alert", "Not heard from"),
    "waiting": Look("warn", "loader", "Waiting to publish"),
    # webhooks
    "switched_on": Look("ok", "circle-check", "On"),
    "switched_off": Look("danger", "power", "Switched off"),
    "failing": Look("warn", "triangle-alert", "Failing"),
    "on_its_way": Look("", "loader", "On its way"),
    "delivered": Look("ok", "circle-check", "Delivered"),
    # work that goes on for a while
    "running": Look("", "loader", "Running"),
    "done": Look("ok", "circle-check", "Done"),
    "failed": Look("danger", "circle-x", "Failed"),
    "skipped": Look("muted", "circle-minus", "Skipped"),
    # checks of the installation
    "green": Look("ok", "circle-check", "Fine"),
    "amber": Look("warn", "triangle-alert", "Look at it"),
    "red": Look("danger", "circle-x", "Mend it"),
    # severities
    "error": Look("danger", "circle-x", "Error"),
    "warning": Look("warn", "triangle-alert", "Warning"),
    "info": Look("", "info", "Note"),
    "hint": Look("", "info", "Hint"),
    # what a change does to callers
    "breaking": Look("danger", "octagon-x", "Breaking"),
    "safe": Look("ok", "circle-check", "Safe"),
    "text": Look("muted", "file-code", "Words"),
}


def look_of(state: str) -> Look:
    """The look of a state; an unknown one is shown plainly by its own word."""
    return LOOKS.get(state) or Look("muted", "circle", state.replace("_", " ").capitalize())
