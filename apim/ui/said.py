"""What pure modules say in English, in the reader's language: they know no gettext, and what they said may be stored.

Owns: knowing a sentence again by said.txt, which script/messages writes from the sources. Total: what is not known is
shown as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext

_LIST: Final = Path(__file__).with_name("said.txt")
_BLANK: Final = re.compile(r"%\((\w+)\)s")
_LONGEST: Final = 2000


def said(text: str | Promise) -> str:
    """The sentence in the language of now, filled with the same words; of several, one a line, each that is known."""
    written = str(text)
    language = get_language()
    if not written or len(written) > _LONGEST or language is None or language.partition("-")[0] == "en":
        return written
    whole = " ".join(written.split())
    known = _said(language, whole)
    if known != whole or "\n" not in written:
        return known
    return "\n".join(_said(language, " ".join(line.split())) for line in written.splitlines())


def said_both(message: str | Promise, hint: str | Promise = "") -> str:
    """A message and how to mend what it tells, as one text."""
    return f"{said(message)} {said(hint)}".strip()


@lru_cache(maxsize=4096)
def _said(language: str, text: str) -> str:  # noqa: ARG001 - what gettext goes by
    known = gettext(text)
    if known != text:
        return known
    for template in _templates():
        if (found := template.fillings(text)) is not None:
            return gettext(template.text) % found
    return text


class _Template(NamedTuple):
    """A sentence that is filled. Shapes: words stand around the blanks, so there is one more of them than of names."""

    text: str
    words: tuple[str, ...]
    names: tuple[str, ...]

    def fillings(self, said_text: str) -> dict[str, str] | None:
        """What stands in each blank, as little as can be from the left; None for another sentence.

        Without a regular expression: what is said holds names that tenants choose, and backtracking over a crafted one
        would stop a web process for minutes. Here every word is looked for once.
        """
        first, *middle, last = self.words
        if not (said_text.startswith(first) and said_text.endswith(last)):
            return None
        at, end = len(first), len(said_text) - len(last)
        found = []
        for word in middle:
            next_at = said_text.find(word, at + 1, end)
            if next_at < 0:
                return None
            found.append(said_text[at:next_at])
            at = next_at + len(word)
        return dict(zip(self.names, [*found, said_text[at:end]], strict=True)) if at < end else None


@cache
def _templates() -> list[_Template]:
    """The sentences that are filled, those with most words of their own first."""
    lines = [line for line in _LIST.read_text(encoding="utf-8").splitlines() if _BLANK.search(line)]
    lines.sort(key=lambda line: -len(_BLANK.sub("", line)))
    return [_template(line) for line in lines]


def _template(line: str) -> _Template:
    parts = _BLANK.split(line)  # words and names in turn
    return _Template(line, tuple(each.replace("%%", "%") for each in parts[::2]), tuple(parts[1::2]))
