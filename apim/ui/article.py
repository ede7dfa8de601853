"""Markdown that owners wrote, as safe HTML: one way for descriptions, guides, announcements and OpenAPI texts.

Owns: what may stand in it. Must not know: where it is shown. No raw HTML, no images (each would be a request to another
host), no styles; links lead to http, https, mail or this portal only.

Rendering is bounded: what opens links and emphasis costs time even where it closes nothing, so beyond so many of these
characters in a text the rest of it is shown as it was written. Long texts are rendered once a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.rules_core import StateCore

_COSTS: Final = {"[": 3, "*": 1, "_": 1, "~": 1, "`": 1, "<": 1}
_MOST_WORK: Final = 20_000  # a text of 200 kB with a link in each line stays below
_LONG: Final = 4_000
_KEPT: Final = 64


def _inline_within_bounds(state: StateCore) -> None:
    """Parse what stands within blocks, in their order, as long as the work is not too much."""
    work = 0
    for token in state.tokens:
        if token.type != "inline":
            continue
        work += sum(cost * token.content.count(character) for character, cost in _COSTS.items())
        if token.children is None:
            token.children = []
        if work > _MOST_WORK:
            token.children.append(Token("text", "", 0, content=token.content))
        else:
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.core.ruler.at("inline", _inline_within_bounds)
    return parser


MARKDOWN: Final = _markdown()
_TAGS: Final = nh3.ALLOWED_TAGS - {"img", "map", "area"}
_SCHEMES: Final = {"http", "https", "mailto"}
_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_PLAIN_ATTRIBUTES: Final = dict(nh3.ALLOWED_ATTRIBUTES)
_ATTRIBUTES: Final = {**nh3.ALLOWED_ATTRIBUTES, **{tag: {"id"} for tag in _HEADINGS}}
_LONGEST_ID: Final = 60
_DEEPEST_LISTED: Final = 2  # levels of headings in a table of contents


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of a table of contents. Shapes: level 1 or 2 within the text; id is that of the heading in the page."""

    level: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """A rendered text and its headings."""

    html: SafeString
    headings: tuple[Heading, ...]


def render(text: str, *, first_heading: int) -> SafeString:
    """The text as clean HTML; its headings start at level first_heading, below the page's own."""
    work = _kept_render if len(text or "") > _LONG else _render
    return work(text or "", first_heading)


def _render(text: str, first_heading: int) -> SafeString:
    return _cleaned(MARKDOWN.parse(text), first_heading, _PLAIN_ATTRIBUTES)


def render_article(text: str, *, first_heading: int = 2) -> Article:
    """The text as clean HTML whose headings can be linked to, with those for a table of contents.

    Ids begin with `s-`, so that none is that of something else in the page.
    """
    work = _kept_article if len(text or "") > _LONG else _article
    return work(text or "", first_heading)


def _article(text: str, first_heading: int) -> Article:
    tokens = MARKDOWN.parse(text)
    found: list[Heading] = []
    taken: dict[str, int] = {}
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        plain = _plain(content)
        heading = Heading(int(opening.tag[1]), _free_id(plain, taken), plain)
        opening.attrSet("id", heading.id)
        found.append(heading)
    top = min((heading.level for heading in found), default=1)
    listed = (Heading(each.level - top + 1, each.id, each.text) for each in found)
    html = _cleaned(tokens, first_heading - top + 1, _ATTRIBUTES)
    return Article(html, tuple(each for each in listed if each.level <= _DEEPEST_LISTED))


_kept_render = lru_cache(_KEPT)(_render)
_kept_article = lru_cache(_KEPT)(_article)


def _cleaned(tokens: Sequence[Token], first_heading: int, attributes: dict[str, set[str]]) -> SafeString:
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            level = int(token.tag[1]) + first_heading - 1
            token.tag = f"h{min(max(level, 1), 6)}"
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    cleaned = nh3.clean(
        html, tags=_TAGS, attributes=attributes, url_schemes=_SCHEMES, link_rel="noopener noreferrer nofollow"
    )
    return mark_safe(cleaned)  # noqa: S308 - nh3 has cleaned it


def _plain(inline: Token) -> str:
    parts = (child.content for child in inline.children or () if child.type in {"text", "code_inline"})
    return "".join(parts).strip()


def _free_id(text: str, taken: dict[str, int]) -> str:
    """An id that no heading before has. Shapes: taken = ids given, each with the number that was tried last after it.

    Where it was left off it goes on: to begin at 2 each time takes minutes for a text of ten thousand equal headings.
    """
    stem = f"s-{slugify(text, allow_unicode=True)[:_LONGEST_ID] or 'part'}"
    wanted, number = stem, taken.get(stem, 1)
    while wanted in taken:
        number += 1
        wanted = f"{stem}-{number}"
    taken[stem] = number
    taken.setdefault(wanted, 1)
    return wanted
