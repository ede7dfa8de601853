"""Catalogues brought up to the sources: new texts added, gone ones dropped, translations kept, nothing guessed.

Owns: where the catalogues are and what becomes of a text that moves from one to another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tooling import said
from tooling.catalogues import Message, mo_bytes, po_text, read_po
from tooling.environment import ROOT
from tooling.sources import messages_of_sources

LANGUAGES = {"portal": ("ja", "ko", "zh_Hans"), "console": ("ja",)}
_FOLDERS = {"portal": ROOT / "portal" / "locale", "console": ROOT / "apim" / "locale"}


def po_path(catalogue: str, language: str) -> Path:
    """Where a catalogue is kept; its .mo is beside it."""
    return _FOLDERS[catalogue] / language / "LC_MESSAGES" / "django.po"


def catalogues() -> Iterator[tuple[str, str, Path]]:
    """(catalogue, language, path) of each."""
    for catalogue, languages in LANGUAGES.items():
        for language in languages:
            yield catalogue, language, po_path(catalogue, language)


def main(*, is_checking: bool) -> int:
    """Write what is not up to date, or only name it; the exit code is 1 when something is left to do."""
    wanted = messages_of_sources()
    behind, is_whole = [], True
    if not said.LIST.exists() or said.LIST.read_text(encoding="utf-8") != said.text():
        behind.append(said.LIST)
        if not is_checking:
            _write(said.LIST, said.text().encode())
    # All are read before one is written: what leaves one catalogue may come into another.
    brought_up = [(*each, merged(wanted[each[0]], each[1])) for each in catalogues()]
    for catalogue, language, path, messages in brought_up:
        contents = {path: po_text(language, messages).encode(), path.with_suffix(".mo"): mo_bytes(language, messages)}
        for file, content in contents.items():
            if not file.exists() or file.read_bytes() != content:
                behind.append(file)
                if not is_checking:
                    _write(file, content)
        missing = sum(1 for each in messages if not each.translation)
        is_whole = is_whole and not missing
        print(f"{catalogue} {language}: {len(messages)} texts, {missing} not translated")
    for file in behind:
        print(f"{'behind' if is_checking else 'written'}: {file.relative_to(ROOT)}")
    return 1 if is_checking and (behind or not is_whole) else 0


def merged(wanted: list[Message], language: str) -> list[Message]:
    """The wanted messages with what any catalogue of the language has for them: a text may have moved."""
    known: dict[tuple[str, str], Message] = {}
    for _, each, path in catalogues():
        if each == language:
            for message in read_po(path):
                if message.translation and not message.is_fuzzy:
                    known.setdefault(message.key, message)
    merged_messages = []
    for message in wanted:
        old = known.get(message.key)
        merged_messages.append(
            Message(
                message.text,
                context=message.context,
                plural=message.plural,
                translation=old.translation if old else "",
                sources=sorted(message.sources),
                notes=old.notes if old else [],
            )
        )
    return merged_messages


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    new.write_bytes(content)
    os.replace(new, file)
