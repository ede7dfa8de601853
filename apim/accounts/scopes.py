"""What a token of the management API may be used for."""

from __future__ import annotations

SCOPES = {
    "apis:read": "See APIs, versions and revisions",
    "apis:write": "Import, change and publish APIs",
    "products:read": "See products and plans",
    "products:write": "Change products and plans",
    "access:read": "See applications, subscriptions and keys",
    "access:write": "Subscribe applications, create, roll and revoke keys",
    "billing:read": "See invoices and what was given back of them",
    "billing:write": "Give money back",
    "usage:read": "See calls, latencies and requests",
    "admin": "Manage people, organizations, environments and gateways",
}
