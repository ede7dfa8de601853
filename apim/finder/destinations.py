"""Where somebody can go and what they can do from any page. The places are those that portal and console declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext

from apim.console.rail import SECTIONS
from apim.finder.answers import Hit
from portal.places import places as portal_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portal.tenancy import Tenancy


def destinations(tenancy: Tenancy, *, is_member: bool) -> tuple[Hit, ...]:
    """Every place for the person, the console's first; each address once."""
    found: dict[str, Hit] = {}
    for hit in (*_console(tenancy), *_portal(tenancy, is_member=is_member)):
        found.setdefault(hit.url, hit)
    return tuple(found.values())


def acts(tenancy: Tenancy, *, is_member: bool) -> tuple[Hit, ...]:
    """What can be done from any page. A posted act has its fields."""
    return tuple(_acts(tenancy, is_member=is_member))


def destination_of(letter: str, tenancy: Tenancy, *, is_member: bool) -> str:
    """The address that a letter leads the person to after g; "" when none does."""
    hits = destinations(tenancy, is_member=is_member)
    return next((hit.url for hit in hits if hit.key and hit.key == letter), "")


def _console(tenancy: Tenancy) -> Iterator[Hit]:
    if not tenancy.may_publish:
        return
    for section in SECTIONS:
        if section.is_for_admins and not tenancy.is_admin:
            continue
        for place in section.places:
            where = gettext("Console: %(section)s") % {"section": section.title}
            yield Hit(str(place.label), reverse(place.url), place.icon, where, key=place.key)


def _portal(tenancy: Tenancy, *, is_member: bool) -> Iterator[Hit]:
    for place in portal_places(tenancy, is_member=is_member):
        yield Hit(str(place.label), reverse(place.url), place.icon, gettext("Portal"), key=place.key)


def _acts(tenancy: Tenancy, *, is_member: bool) -> Iterator[Hit]:
    if tenancy.may_publish:
        yield Hit(gettext("New API"), reverse("console:api-new"), "plus")
        yield Hit(gettext("New product"), reverse("console:product-new"), "plus")
        yield Hit(gettext("New announcement"), reverse("console:announcement-new"), "send")
    if tenancy.is_admin:
        yield Hit(gettext("Invite somebody"), reverse("console:admin-invite"), "user-plus")
    if is_member:
        yield Hit(gettext("New application"), reverse("portal:application_add"), "plus")
        for each in tenancy.memberships if len(tenancy.memberships) > 1 else ():
            if each != tenancy.current:
                label = gettext("Act for %(organization)s") % {"organization": each.organization}
                fields = (("organization", each.organization_id),)
                yield Hit(label, reverse("portal:organization_switch"), "building-2", "", fields, is_posted=True)
    yield Hit(
        gettext("Switch between light and dark"), reverse("ui:theme"), "sun-moon", "", (("next", ""),), is_posted=True
    )
    yield Hit(gettext("Keyboard shortcuts"), reverse("keys"), "list")
    if is_member:
        yield Hit(gettext("Log out"), reverse("account_logout"), "log-out", is_posted=True)
    else:
        yield Hit(gettext("Log in"), reverse("account_login"), "log-in")
