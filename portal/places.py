"""The portal's places, declared once: its navigation, the menu of the account, and what the palette finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from portal.tenancy import Tenancy


class Place(NamedTuple):
    """A page that a link leads to.

    Shapes: section is what its pages call themselves; key is the letter that leads there after g; "" = none.
    """

    label: str | Promise
    url: str
    icon: str
    section: str = ""
    key: str = ""


OPEN = (
    Place(_("APIs"), "portal:catalogue", "book-open", "apis", "p"),
    Place(_("Pricing"), "portal:pricing", "tag", "pricing"),
)
MINE = (
    Place(_("My apps"), "portal:applications", "box", "apps", "m"),
    Place(_("Billing"), "portal:billing", "credit-card", "billing", "b"),
)
CONSOLE = Place(_("Console"), "console:home", "layout-dashboard", key="c")
ACCOUNT = (
    Place(_("My home"), "portal:home", "house", key="h"),
    Place(_("Organization"), "portal:organization", "building-2", key="o"),
    Place(_("Webhooks"), "portal:webhooks", "webhook", key="w"),
    Place(_("Settings"), "portal:settings", "settings", key="s"),
)
OTHERS = (
    Place(_("Notifications"), "portal:notifications", "bell", key="n"),
    Place(_("Sessions, log-ins, second factor"), "portal:security", "shield-check"),
)
PUBLIC_OTHERS = (
    Place(_("Problems"), "portal:problems", "life-buoy"),
    Place(_("Report a found key"), "portal:leaks", "shield-alert"),
)


def navigation(tenancy: Tenancy, *, is_member: bool) -> tuple[Place, ...]:
    """The links at the top of the portal."""
    if not is_member:
        return OPEN
    return (*OPEN, *MINE, CONSOLE) if tenancy.may_publish else (*OPEN, *MINE)


def places(tenancy: Tenancy, *, is_member: bool) -> tuple[Place, ...]:
    """Everything that the palette can lead to in the portal."""
    own = (*ACCOUNT, *OTHERS) if is_member else ()
    return (*navigation(tenancy, is_member=is_member), *own, *PUBLIC_OTHERS)
