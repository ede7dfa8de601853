"""Rules that every template keeps: a strict CSP leaves no room for inline code, and icons must exist.

Promises H35.
"""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from apim.ui.states import LOOKS
from apim.ui.templatetags import ui

ROOT = settings.STATICFILES_DIRS[0].parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PAGES = [path for path in TEMPLATES if "email" not in path.parts]  # mails need inline styles
ICONS = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons/lucide.svg").read_text()))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_inline_style_script_or_handler(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\bsrc=)[^>]*>|\son[a-z]+=\"|hx-on|javascript:", text)


def test_every_icon_in_templates_exists() -> None:
    used = {(path.name, name) for path in TEMPLATES for name in re.findall(r'{% icon "([^"]+)"', path.read_text())} | {
        (path.name, name) for path in TEMPLATES for name in re.findall(r'\bicon="([^"]+)"', path.read_text())
    }
    assert {(page, name) for page, name in used if name not in ICONS} == set()


def test_every_icon_is_shown_somewhere() -> None:
    code = [path for folder in ("apim", "portal") for path in (ROOT / folder).rglob("*.py")]
    text = "".join(path.read_text() for path in (*TEMPLATES, *code))
    assert [name for name in sorted(ICONS) if f'"{name}"' not in text] == []


def test_every_icon_of_a_state_exists() -> None:
    assert {look.icon for look in LOOKS.values()} <= ICONS
    assert {ui.notice_icon(kind) for kind in ("ok", "warn", "danger", "", "success", "error")} <= ICONS


def test_an_unknown_state_is_shown_by_its_word() -> None:
    assert "On hold" in ui.state("on_hold")


def test_badges_escape_their_words() -> None:
    assert "<b>" not in ui.state("active", "<b>")


def test_what_stands_between_backticks_is_code_and_the_rest_is_escaped() -> None:
    assert ui.with_code("`iss` is <b>") == "<code>iss</code> is &lt;b&gt;"
    assert ui.with_code("`<i>` and ` alone") == "<code>&lt;i&gt;</code> and ` alone"
