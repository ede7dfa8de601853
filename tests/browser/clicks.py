"""What a person presses on the way to something, counted."""

from __future__ import annotations

import time

from playwright.sync_api import Locator


class Clicks:
    """Counts what a person presses."""

    def __init__(self) -> None:
        """None yet."""
        self.count = 0
        self.began = time.monotonic()

    def press(self, target: Locator) -> None:
        """One click."""
        self.count += 1
        target.click()
