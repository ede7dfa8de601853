"""What the portal's frame shows on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.functional import SimpleLazyObject

from apim.notifications.notices import unread_count
from portal.places import ACCOUNT, navigation
from portal.tenancy import tenancy_of

if TYPE_CHECKING:
    from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, object]:
    """The visitor's tenancy, their places and how many notices wait, read only by pages that show them."""
    return {
        "portal_navigation": SimpleLazyObject(
            lambda: navigation(tenancy_of(request), is_member=request.user.is_authenticated)
        ),
        "account_places": ACCOUNT,
        "tenancy": SimpleLazyObject(lambda: tenancy_of(request)),
        "unread_notices": SimpleLazyObject(lambda: unread_count(request.user)),
    }
