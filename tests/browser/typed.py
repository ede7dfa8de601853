"""Names that are typed before what cannot be undone."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page


def type_the_name(place: Page | Locator) -> None:
    """What the field of a page or a dialog asks for, typed into it."""
    asked = place.get_by_label(re.compile("^Type .+ to go on"))
    label = asked.evaluate("(field) => field.labels[0].textContent")
    found = re.search("Type (.+) to go on", label)
    assert found is not None
    asked.fill(found[1])
