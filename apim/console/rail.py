"""The left rail: where the console's pages are, in sections."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A link of the rail. It is the current one when the URL's name begins with one of `names`."""

    label: str
    url: str
    icon: str
    names: tuple[str, ...]
    counter: str = ""  # the key of page() that holds the number beside it


class Section(NamedTuple):
    """Links under a heading."""

    title: str
    places: tuple[Place, ...]
    is_for_admins: bool = False


SECTIONS = (
    Section(
        "Publish",
        (
            Place("Home", "console:home", "layout-dashboard", ("home",)),
            Place("APIs", "console:apis", "braces", ("api", "version", "guide")),
            Place("Board", "console:board", "layers", ("board",)),
            Place("Products", "console:products", "package", ("product",)),
            Place("Plans", "console:plans", "gauge", ("plan", "rehearsal")),
            Place("Meters", "console:meters", "activity", ("meter",)),
            Place("Analytics", "console:analytics", "chart-column", ("analytics",)),
            Place("Revenue", "console:revenue", "trending-up", ("revenue",)),
            Place("Approvals", "console:approvals", "inbox", ("approval",), "approvals_waiting"),
            Place("Invoices", "console:invoices", "receipt", ("invoice",)),
            Place("Alerts", "console:alerts", "bell", ("alert",)),
            Place("Requests", "console:requests", "route", ("request",)),
            Place("Announcements", "console:announcements", "send", ("announcement",)),
            Place("Missed searches", "console:searches", "text-search", ("search",)),
            Place("Gateway or mesh?", "console:advice", "waypoints", ("advice",)),
            Place("API tokens", "console:tokens", "key-round", ("token",)),
        ),
    ),
    Section(
        "Platform",
        (
            Place(gettext_lazy("Overview"), "console:admin", "activity", ("admin",), key="v"),
            Place(gettext_lazy("Health"), "console:admin-health", "heart-pulse", ("admin-health",), key="e"),
            Place(gettext_lazy("Gateways"), "console:admin-gateways", "server", ("admin-gateway",), key="g"),
            Place(
                gettext_lazy("Environments"),
                "console:admin-environments",
                "globe",
                ("admin-environment", "admin-promot"),
            ),
            Place(gettext_lazy("Certificates"), "console:admin-certificates", "shield-check", ("admin-certificate",)),
            Place(gettext_lazy("Hosts"), "console:admin-hosts", "network", ("admin-host",)),
            Place(gettext_lazy("Issuers"), "console:admin-issuers", "key-round", ("admin-issuer",)),
            Place(gettext_lazy("Publications"), "console:admin-publications", "git-branch", ("admin-publication",)),
            Place(gettext_lazy("Ceilings"), "console:admin-ceilings", "scale", ("admin-ceiling",)),
            Place(gettext_lazy("Jobs"), "console:admin-jobs", "list-checks", ("admin-jobs",), key="j"),
            Place(gettext_lazy("Storage"), "console:admin-storage", "database", ("admin-storage",)),
            Place(gettext_lazy("Billing"), "console:admin-billing", "coins", ("admin-billing",)),
            Place(gettext_lazy("Branding"), "console:admin-branding", "palette", ("admin-branding",)),
            Place(gettext_lazy("Demo"), "console:admin-demo", "play", ("admin-demo",)),
        ),
        is_for_admins=True,
    ),
    Section(
        "People",
        (
            Place("Organizations", "console:admin-organizations", "building-2", ("admin-organization",)),
            Place("Users", "console:admin-users", "users", ("admin-user", "admin-invit", "admin-membership")),
            Place("Applications", "console:admin-applications", "layers", ("admin-application",)),
            Place("Found keys", "console:admin-security", "shield-alert", ("admin-security",)),
            Place("Audit log", "console:admin-audit", "scroll-text", ("admin-audit",)),
            Place("Mailbox", "console:admin-mailbox", "mailbox", ("admin-mailbox", "admin-message")),
            Place("Mail server", "console:admin-mail-server", "mail", ("admin-mail-server",)),
        ),
        is_for_admins=True,
    ),
)


def current_place(url_name: str) -> str:
    """The URL name of the link for the page: that of the longest fitting beginning."""
    fitting = [(name, place.url) for section in SECTIONS for place in section.places for name in place.names]
    return max((len(name), url) for name, url in [*fitting, ("", "")] if url_name.startswith(name))[1]
