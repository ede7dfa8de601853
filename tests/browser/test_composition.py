"""An input method that composes words, as Chromium runs one: nothing is asked or pressed before the word is there."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from apim.gateways.models import Environment
from tests.browser.desk import Desk
from tests.factories import catalog

pytestmark = pytest.mark.django_db

LONGER_THAN_A_PAUSE_MS = 600  # after which searches that answer while one types would have asked
OF_THE_METHOD = 229  # the code of every key that an input method takes


class InputMethod:
    """Composes in whatever has the focus."""

    def __init__(self, page: Page) -> None:
        """Nothing composed yet."""
        self._page = page
        self._session = page.context.new_cdp_session(page)

    def compose(self, *steps: str) -> None:
        """What stands there underlined, letter after letter; long enough for who asks while one types."""
        for text in steps:
            self.press("Process")
            told = {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
            self._session.send("Input.imeSetComposition", told)
        self._page.wait_for_timeout(LONGER_THAN_A_PAUSE_MS)

    def press(self, key: str) -> None:
        """A key that is the method's own: to choose among its words, to take one, to give them up."""
        told = {"key": key, "windowsVirtualKeyCode": OF_THE_METHOD}
        for kind in ("rawKeyDown", "keyUp"):
            self._session.send("Input.dispatchKeyEvent", {"type": kind, **told})

    def commit(self, word: str) -> None:
        """The word that was meant."""
        self._session.send("Input.insertText", {"text": word})


@pytest.fixture
def method(desk: Desk, environment: Environment) -> InputMethod:
    catalog.described(name="ginko", display_name="銀行", visibility="public")
    return InputMethod(desk.page)


def sought(page: Page, is_search: Callable[[str], bool]) -> list[str]:
    """The words of each search from now on, as they are asked for."""
    words: list[str] = []

    def note(request: Request) -> None:
        url = urlsplit(request.url)
        if is_search(url.path) and "q" in (asked := parse_qs(url.query, keep_blank_values=True)):
            words.append(asked["q"][0])

    page.on("request", note)
    return words


def test_the_catalogue_is_searched_for_the_word_and_not_for_its_letters(desk: Desk, method: InputMethod) -> None:
    page = desk.page
    desk.open("/")
    words = sought(page, lambda path: path == "/")
    field = page.get_by_role("searchbox", name="Search APIs")
    field.focus()
    method.compose("g", "ぎ", "ぎn", "ぎんこう")
    for key in ("?", "/", "g", "ArrowDown", "Enter"):
        method.press(key)
    expect(field).to_be_focused()
    expect(field).to_have_value("ぎんこう")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert words == []
    method.commit("銀行")
    expect(field).to_have_value("銀行")
    page.wait_for_url("**/?q=*")
    expect(page.locator("#results")).to_contain_text("銀行")
    assert set(words) == {"銀行"}


def test_the_palette_leaves_the_keys_to_the_method_until_the_word_is_there(desk: Desk, method: InputMethod) -> None:
    page = desk.page
    desk.open("/")
    words = sought(page, lambda path: path != "/")
    page.keyboard.press("Control+k")
    field, options = page.get_by_role("combobox"), page.get_by_role("option")
    expect(field).to_be_focused()
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert words == [""]
    method.compose("g", "ぎ", "ぎんこう")
    for key in ("ArrowDown", "Enter", "Escape"):  # of the method's own list of words
        method.press(key)
    expect(page.locator("#palette")).to_be_visible()
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert words == [""]
    method.commit("銀行")
    expect(options.first).to_contain_text("銀行")
    assert set(words[1:]) == {"銀行"}
    page.keyboard.press("Enter")
    page.wait_for_url("**/apis/ginko*")
