"""The left rail: where the console's pages are, in sections."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.translation import get_language, gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString


class Place(NamedTuple):
    """A link of the rail. It is the current one when the URL's name begins with one of `names`.

    Shapes: key is the letter that leads there after g, on every page; "" = none.
    """

    label: str | _StrPromise
    url: str
    icon: str
    names: tuple[str, ...]
    counter: str = ""  # the key of page() that holds the number beside it
    key: str = ""


class Section(NamedTuple):
    """Links under a heading. Shapes: is_folded = away from its own pages only the heading is in sight."""

    title: str | _StrPromise
    places: tuple[Place, ...]
    is_for_admins: bool = False
    is_folded: bool = False


SECTIONS = (
    Section(
        gettext_lazy("Publish"),
        (
            Place(gettext_lazy("Home"), "console:home", "layout-dashboard", ("home",), key="c"),
            Place(gettext_lazy("APIs"), "console:apis", "braces", ("api", "version", "guide"), key="a"),
            Place(gettext_lazy("Board"), "console:board", "layers", ("board",), key="k"),
            Place(gettext_lazy("Products"), "console:products", "package", ("product",), key="d"),
            Place(gettext_lazy("Plans"), "console:plans", "gauge", ("plan", "rehearsal"), key="l"),
            Place(gettext_lazy("Meters"), "console:meters", "activity", ("meter",)),
            Place(gettext_lazy("Announcements"), "console:announcements", "send", ("announcement",)),
        ),
    ),
    Section(
        gettext_lazy("Consumers"),
        (
            Place(gettext_lazy("Approvals"), "console:approvals", "inbox", ("approval",), "approvals_waiting", key="q"),
            Place(gettext_lazy("Invoices"), "console:invoices", "receipt", ("invoice",), key="i"),
            Place(gettext_lazy("Revenue"), "console:revenue", "trending-up", ("revenue",)),
        ),
    ),
    Section(
        gettext_lazy("Observe"),
        (
            Place(gettext_lazy("Analytics"), "console:analytics", "chart-column", ("analytics",), key="y"),
            Place(gettext_lazy("Requests"), "console:requests", "route", ("request",), key="r"),
            Place(gettext_lazy("Alerts"), "console:alerts", "bell", ("alert",)),
            Place(gettext_lazy("Missed searches"), "console:searches", "text-search", ("search",)),
        ),
    ),
    Section(
        gettext_lazy("Tools"),
        (
            Place(gettext_lazy("Jobs"), "console:jobs", "list-checks", ("job",), key="j"),
            Place(gettext_lazy("API tokens"), "console:tokens", "key-round", ("token",)),
            Place(gettext_lazy("Gateway or mesh?"), "console:advice", "waypoints", ("advice",)),
        ),
        is_folded=True,
    ),
    Section(
        gettext_lazy("Platform"),
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
            Place(gettext_lazy("Publications"), "console:admin-publications", "git-branch", ("admin-publication",)),
            Place(gettext_lazy("Hosts"), "console:admin-hosts", "network", ("admin-host",)),
            Place(gettext_lazy("Certificates"), "console:admin-certificates", "shield-check", ("admin-certificate",)),
            Place(gettext_lazy("Issuers"), "console:admin-issuers", "key-round", ("admin-issuer",)),
        ),
        is_for_admins=True,
        is_folded=True,
    ),
    Section(
        gettext_lazy("Settings"),
        (
            Place(gettext_lazy("Billing"), "console:admin-billing", "coins", ("admin-billing",)),
            Place(gettext_lazy("Ceilings"), "console:admin-ceilings", "scale", ("admin-ceiling",)),
            Place(gettext_lazy("Storage"), "console:admin-storage", "database", ("admin-storage",)),
            Place(gettext_lazy("Branding"), "console:admin-branding", "palette", ("admin-branding",)),
            Place(gettext_lazy("Demo"), "console:admin-demo", "play", ("admin-demo",)),
        ),
        is_for_admins=True,
        is_folded=True,
    ),
    Section(
        gettext_lazy("People"),
        (
            Place(gettext_lazy("Organizations"), "console:admin-organizations", "building-2", ("admin-organization",)),
            Place(
                gettext_lazy("Users"),
                "console:admin-users",
                "users",
                ("admin-user", "admin-invit", "admin-membership"),
                key="u",
            ),
            Place(gettext_lazy("Teams"), "console:admin-teams", "boxes", ("admin-team",)),
            Place(gettext_lazy("Applications"), "console:admin-applications", "layers", ("admin-application",)),
            Place(gettext_lazy("Found keys"), "console:admin-security", "shield-alert", ("admin-security",)),
            Place(gettext_lazy("Audit log"), "console:admin-audit", "scroll-text", ("admin-audit",), key="t"),
            Place(gettext_lazy("Mailbox"), "console:admin-mailbox", "mailbox", ("admin-mailbox", "admin-message")),
            Place(gettext_lazy("Mail texts"), "console:admin-mails", "file-text", ("admin-mails", "admin-mail-text")),
            Place(gettext_lazy("Mail server"), "console:admin-mail-server", "mail", ("admin-mail-server",)),
        ),
        is_for_admins=True,
        is_folded=True,
    ),
)


def current_place(url_name: str) -> str:
    """The URL name of the link for the page: that of the longest fitting beginning."""
    fitting = [(name, place.url) for section in SECTIONS for place in section.places for name in place.names]
    return max((len(name), url) for name, url in [*fitting, ("", "")] if url_name.startswith(name))[1]


def sections_of(*, is_for_admin: bool) -> list[Section]:
    """What the rail holds for a person."""
    return [section for section in SECTIONS if is_for_admin or not section.is_for_admins]


def drawn_rail(place: str, *, is_for_admin: bool, approvals_waiting: int) -> SafeString:
    """The rail on a page of a place; "" is none of its links."""
    return _drawn(get_language(), get_script_prefix(), place, is_for_admin, approvals_waiting)


@lru_cache(maxsize=512)  # of all that it is made of: a third of the tags of a page stand in it
def _drawn(_language: str | None, _prefix: str, place: str, is_for_admin: bool, approvals_waiting: int) -> SafeString:  # noqa: FBT001 - by position for the cache
    sections = sections_of(is_for_admin=is_for_admin)
    shown = {
        "sections": sections,
        "current_place": place,
        "open_section": next((each for each in sections if any(link.url == place for link in each.places)), None),
        "approvals_waiting": approvals_waiting,
    }
    return render_to_string("console/_rail.html", shown)
