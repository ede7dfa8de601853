"""What a token of the management API may be used for."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

SCOPES = {
    "apis:read": _("See APIs, versions and revisions"),
    "apis:write": _("Import, change and publish APIs"),
    "products:read": _("See products and plans"),
    "products:write": _("Change products and plans"),
    "access:read": _("See applications, subscriptions and keys"),
    "access:write": _("Subscribe applications, create, roll and revoke keys"),
    "billing:read": _("See invoices and what was given back of them"),
    "billing:write": _("Give money back"),
    "usage:read": _("See calls, latencies and requests"),
    "admin": _("Manage people, organizations, environments and gateways"),
}
