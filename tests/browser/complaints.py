"""What a browser complains of: console errors, violations of the CSP, requests to other hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request


@dataclass  # no slots: playwright keeps its wrappers on the object
class Complaints:
    """What went wrong in the browser without the test asking for it."""

    hosts: frozenset[str]
    found: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def watch(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.found.append(f"exception: {error}"))
        page.on("request", self._note_request)

    def expect(self, *parts: str) -> None:
        """Complaints with one of these parts are what the test is about."""
        self.expected += parts

    def unexpected(self) -> list[str]:
        """The complaints that fail the test."""
        return [text for text in self.found if not any(part in text for part in self.expected)]

    def _note_message(self, message: ConsoleMessage) -> None:
        is_refused_form = "status of 422" in message.text  # Chromium calls every such answer an error
        if message.type in {"error", "warning"} and not is_refused_form:
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _note_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob", "about"} and url.netloc not in self.hosts:
            self.found.append(f"request to another host: {request.url}")
