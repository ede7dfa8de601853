"""What gateways say befell a target, as people read it; what is not known stays."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext, gettext_lazy

_EVENTS: Final = {
    "breaker closed": gettext_lazy("the breaker closed: calls go through again"),
    "breaker half-open": gettext_lazy("the breaker lets a few calls through"),
    "breaker open": gettext_lazy("the breaker opened: no call goes through"),
    "down: its health check fails": gettext_lazy("down: its health check fails"),
    "up: its health check succeeds again": gettext_lazy("up: its health check succeeds again"),
}
_EJECTED: Final = re.compile(r"ejected for (?P<seconds>[\d.]+) s")


def event_words(what: str) -> str:
    """What befell a target."""
    if (ejected := _EJECTED.fullmatch(what)) is not None:
        return gettext("ejected for %(seconds)s s") % ejected.groupdict()
    return str(_EVENTS.get(what, what))
