"""Pages in another language: every page of the portal and of the console speaks it throughout."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings

from tests.permissions.routes import routes
from tests.permissions.world import World

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_WORDS = re.compile(r"[A-Za-z][a-z']+(?: [A-Za-z']+){3,}")  # four words in a row are a sentence or most of one
_SHOWN = ("aria-label", "title", "alt", "placeholder", "data-label", "data-announce")
_CODE = ("code", "pre", "script", "style", "kbd", "textarea", "samp")
_OTHERS = ("api/", "gateway/", "healthz", "metrics", "brand/")
_STORED = ("console/admin/mailbox", "console/admin/audit")  # what others were told, as it was


class Texts(HTMLParser):
    """What a page says to people: its text and the attributes that are read out, without code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in _CODE
        self.found += [value or "" for name, value in attrs if name in _SHOWN]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.found.append(data)


def english_on(page: str) -> list[str]:
    texts = Texts()
    texts.feed(page)
    return [text.strip() for text in texts.found if _WORDS.search(text) and not _JAPANESE.search(text)]


@pytest.mark.parametrize(
    ("role", "part"), [("developer", "portal"), pytest.param("admin", "console", marks=pytest.mark.slow)]
)
def test_every_page_is_in_the_language_of_its_reader(world: World, role: str, part: str) -> None:
    client = world.client(role)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ja"
    wrong = []
    for route, methods in routes():
        if route.startswith("console/") != (part == "console") or route.startswith(_OTHERS) or "GET" not in methods:
            continue
        if route == "console/admin" or route.startswith(_STORED):  # its latest entries of the audit log
            continue
        answer = client.get(world.path(route))
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            page = answer.content.decode()
            if "<html" in page and '<html lang="ja"' not in page:
                wrong.append(f"{route}: not marked as Japanese")
            wrong += [f"{route}: {text}" for text in english_on(page)]
    assert not wrong, "\n".join(wrong)
