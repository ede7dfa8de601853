"""Search of the catalogue: what is looked through, and which APIs a search finds.

Owns: folding of words, and how Japanese, Korean and Chinese terms are cut. Must not know: pages.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from django.db.models import Q, QuerySet

from apim.catalog.models import API, APIVersion, Deployment, SearchText
from apim.gateways.services import default_environment

LONGEST_TERM: Final = 80
MOST_WORDS: Final = 8
_LONGEST_TEXT: Final = 20_000  # characters an API: a thousand APIs are looked through in one statement
_SHORTEST_LONG: Final = 2  # characters: of a word no longer the last vowel is needed
_TO_KATAKANA: Final = {hiragana: hiragana + 0x60 for hiragana in range(0x3041, 0x3097)}
_TO_HIRAGANA: Final = {katakana: hiragana for hiragana, katakana in _TO_KATAKANA.items()}
_SCRIPTS: Final = (("kanji", "CJK UNIFIED"), ("katakana", "KATAKANA"), ("hangul", "HANGUL"), ("hiragana", "HIRAGANA"))


def fold(text: str) -> str:
    """The text as it is compared: compatible forms made one, without case, blanks single."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def find_apis(apis: QuerySet[API], words: str) -> QuerySet[API]:
    """Those in which every word is found: in name, description, tags, category or an operation.

    Words are found inside of longer ones, since Japanese and Chinese have no blanks between theirs; a term in these
    scripts is found too where all its pieces are, and kana where they are the other ones.
    """
    for word in fold(words[:LONGEST_TERM]).split()[:MOST_WORDS]:
        apis = apis.filter(_found(word) | _all_found(pieces_of(word)))
    return apis


def is_found_in(text: str, words: str) -> bool:
    """True for a text in which every word is found, by the same rules."""
    folded = fold(text)
    return all(_is_in(folded, word) or _are_all_in(folded, pieces_of(word)) for word in fold(words).split())


def spellings_of(word: str) -> tuple[str, ...]:
    """The ways a folded word may be written: in either kana, and without a last long vowel (サーバー is サーバ)."""
    short = word.removesuffix("ー") if len(word) > _SHORTEST_LONG else word
    return tuple(dict.fromkeys((short, short.translate(_TO_KATAKANA), short.translate(_TO_HIRAGANA))))


def pieces_of(word: str) -> list[str]:
    """The parts a Japanese, Korean or Chinese term is looked for by; none for a word of another script.

    `口座照会` gives 口座 and 照会, since most compounds are of two characters; hiragana, which joins words, is left
    out, and so is the last character of an odd Korean one, mostly a particle.
    """
    pieces: list[str] = []
    for script, run in _runs(word):
        if script == "katakana":
            pieces.append(run)
        elif script == "kanji":
            pieces += _pairs(run)
        elif script == "hangul":
            pieces += [run[start : start + 2] for start in range(0, len(run) - 1, 2)] or [run]
    return pieces


def save_search_text(api: API) -> None:
    """What a search looks through, as the API is now. Of its operations, those that callers meet."""
    deployed = Deployment.objects.filter(
        version__api=api, version__state__in=APIVersion.CALLABLE, environment=default_environment()
    )
    words = [api.name, api.display_name, api.category, *api.tags, api.description]
    for operations in deployed.values_list("revision__operations", flat=True):
        words += _operation_words(operations)
    text = fold("\n".join(words))[:_LONGEST_TEXT]
    SearchText.objects.update_or_create(api=api, defaults={"text": text})


def save_missing_texts(limit: int = 200) -> int:
    """How many APIs that were never indexed are now: those of an earlier release, and of bulk loads."""
    missing = list(API.objects.filter(search_text=None)[:limit])
    for api in missing:
        save_search_text(api)
    return len(missing)


def _found(word: str) -> Q:
    condition = _in_text(word)
    for spelling in spellings_of(word):
        condition |= Q(name__icontains=spelling) | Q(display_name__icontains=spelling)
        condition |= Q(description__icontains=spelling)
    return condition


def _in_text(word: str) -> Q:
    condition = Q()
    for spelling in spellings_of(word):
        condition |= Q(search_text__text__contains=spelling)
    return condition


def _is_in(text: str, word: str) -> bool:
    return any(spelling in text for spelling in spellings_of(word))


def _are_all_in(text: str, pieces: list[str]) -> bool:
    return bool(pieces) and all(_is_in(text, piece) for piece in pieces)


def _all_found(pieces: Iterable[str]) -> Q:
    condition = Q()
    for piece in pieces:
        condition &= _in_text(piece)
    return condition


def _operation_words(operations: Iterable[dict[str, object]]) -> Iterator[str]:
    for operation in operations:
        for name in ("method", "path", "summary", "operation_id"):
            yield str(operation.get(name) or "")


def _runs(word: str) -> Iterator[tuple[str, str]]:
    """Stretches of one script. Shapes: (name in _SCRIPTS or "", text)."""
    for script, characters in groupby(word, _script_of):
        yield script, "".join(characters)


def _script_of(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((script for script, start in _SCRIPTS if name.startswith(start)), "")


def _pairs(run: str) -> list[str]:
    """Two characters each; the last of an odd number joins the pair before it."""
    pairs = [run[start : start + 2] for start in range(0, len(run), 2)]
    if len(pairs) > 1 and len(pairs[-1]) == 1:
        last = pairs.pop()
        pairs[-1] += last
    return pairs
