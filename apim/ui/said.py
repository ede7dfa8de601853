"""What pure modules say in English, in the reader's language: they know no gettext, and what they said may be stored.

Owns: knowing a sentence again by said.txt, which script/messages writes from the sources. Total: what is not known is
shown as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext

_LIST: Final = Path(__file__).with_name("said.txt")
_BLANK: Final = re.compile(r"%\((\w+)\)s")
_LONGEST: Final = 2000


def said(text: str | Promise) -> str:
    """The sentence in the language of now, filled with the same words."""
    written = str(text)
    language = get_language()
    if not written or len(written) > _LONGEST or language is None or language.partition("-")[0] == "en":
        return written
    return _said(language, " ".join(written.split()))


def said_both(message: str | Promise, hint: str | Promise = "") -> str:
    """A message and how to mend what it tells, as one text."""
    return f"{said(message)} {said(hint)}".strip()


@lru_cache(maxsize=4096)
def _said(language: str, text: str) -> str:  # noqa: ARG001 - what gettext goes by
    known = gettext(text)
    if known != text:
        return known
    for pattern, template in _templates():
        if found := pattern.fullmatch(text):
            return gettext(template) % found.groupdict()
    return text


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """The sentences that are filled, those with most words of their own first."""
    lines = [line for line in _LIST.read_text(encoding="utf-8").splitlines() if _BLANK.search(line)]
    lines.sort(key=lambda line: -len(_BLANK.sub("", line)))
    return [(_pattern(line), line) for line in lines]


def _pattern(template: str) -> re.Pattern[str]:
    parts = _BLANK.split(template)  # words and names in turn
    words = [re.escape(each.replace("%%", "%")) for each in parts[::2]]
    blanks = [f"(?P<{name}>.+?)" for name in parts[1::2]]
    return re.compile("".join(word + blank for word, blank in zip(words, [*blanks, ""], strict=True)), re.DOTALL)
