"""Placeholders in texts that admins wrote: checked when they are kept, filled when they are sent.

Owns: the form `{name}`, which is all that a text can ask for: no attributes, no calls, no conditions, no tags. Must not
know: what the names mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from django.utils.html import escape, urlize
from django.utils.safestring import SafeString, mark_safe

from apim.ui.article import render

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MARKED: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~&])")
_LINK: Final = re.compile(r"https?://[^\s<>\"'`]+")
_FIRST_HEADING: Final = 2


def placeholders_in(text: str) -> list[str]:
    """The names that the text asks for, each once."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its values. A line that asks for something, all of which is empty, is left out."""
    return _fill(text, values, lambda _name, value: value)


def fill_markdown(text: str, values: Mapping[str, str], *, markdown: Collection[str] = ()) -> SafeString:
    """The Markdown with its values as clean HTML.

    Values are text, whatever they look like, and addresses are links; those named in markdown are Markdown themselves.
    """
    filled = _fill(text, values, lambda name, value: value if name in markdown else _as_text(value))
    return render(filled, first_heading=_FIRST_HEADING)


def plain_as_html(text: str) -> SafeString:
    """A plain text as HTML: paragraphs, breaks and links."""
    paragraphs = re.split(r"\n{2,}", text.strip())
    lines = (urlize(escape(each)).replace("\n", "<br>\n") for each in paragraphs)
    return mark_safe("\n".join(f"<p>{each}</p>" for each in lines))  # noqa: S308 - each part is escaped


def _fill(text: str, values: Mapping[str, str], write: Callable[[str, str], str]) -> str:
    kept = [line for line in text.splitlines() if not _is_empty(placeholders_in(line), values)]
    return _PLACEHOLDER.sub(lambda found: write(found[1], values.get(found[1], "")), "\n".join(kept))


def _is_empty(names: Collection[str], values: Mapping[str, str]) -> bool:
    return bool(names) and not any(values.get(name) for name in names)


def _as_text(value: str) -> str:
    """The value with nothing in it that Markdown could read; an address as a link."""
    if _LINK.fullmatch(value):
        return f"<{value}>"
    return _MARKED.sub(r"\\\1", " ".join(value.split()))
