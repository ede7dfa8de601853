"""Catalogues of messages: gettext's .po files read and written, and compiled to the .mo files that Django reads.

Owns: the two formats, so that nobody needs gettext's own programs. A written .po says the same for the same messages:
no times, no line numbers, sorted by the first source and the text.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PLURALS = "nplurals=1; plural=0;"  # Japanese, Korean and Chinese count without a plural
_MO_MAGIC = 0x950412DE
_MO_HEAD = 28
_CONTEXT_END = "\x04"
_PLURAL_END = "\0"
_WIDTH = 110


@dataclass(slots=True)
class Message:
    """A text of the sources with its translation; an empty one is not translated yet."""

    text: str
    context: str = ""
    plural: str = ""
    translation: str = ""
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what translators wrote beside it
    is_fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What gettext looks it up by."""
        return (self.context, self.text)


def read_po(path: Path) -> list[Message]:
    """The messages of a .po file, without its header and what is obsolete; none of a file that is not there."""
    if not path.exists():
        return []
    messages = []
    for lines in _blocks(path.read_text(encoding="utf-8")):
        message = _message(lines)
        if message.text:
            messages.append(message)
    return messages


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in (*text.splitlines(), ""):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield block
            block = []


def _message(lines: Iterable[str]) -> Message:
    message = Message("")
    values: dict[str, str] = {}
    keyword = ""
    for line in lines:
        if line.startswith("#:"):
            message.sources += line[2:].split()
        elif line.startswith("#,"):
            message.is_fuzzy = "fuzzy" in line
        elif line.startswith("# "):
            message.notes.append(line[2:])
        elif line.startswith("#"):
            continue
        elif line.startswith('"'):
            values[keyword] += ast.literal_eval(line)
        else:
            keyword, _, literal = line.partition(" ")
            values[keyword] = ast.literal_eval(literal)
    message.text = values.get("msgid", "")
    message.context = values.get("msgctxt", "")
    message.plural = values.get("msgid_plural", "")
    message.translation = values.get("msgstr", values.get("msgstr[0]", ""))
    return message


def po_text(language: str, messages: Iterable[Message]) -> str:
    """A .po file of these messages."""
    blocks = ['msgid ""\nmsgstr ""\n' + "".join(f'"{line}\\n"\n' for line in _header(language))]
    for message in sorted(messages, key=lambda each: (each.sources[:1], each.text, each.context)):
        lines = [f"# {note}" for note in message.notes]
        lines += [f"#: {source}" for source in message.sources]
        if "%(" in message.text + message.plural:
            lines.append("#, python-format")
        if message.context:
            lines.append(f"msgctxt {_quoted(message.context)}")
        lines.append(f"msgid {_quoted(message.text)}")
        if message.plural:
            lines += [f"msgid_plural {_quoted(message.plural)}", f"msgstr[0] {_quoted(message.translation)}"]
        else:
            lines.append(f"msgstr {_quoted(message.translation)}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _header(language: str) -> tuple[str, ...]:
    return (
        f"Language: {language}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {PLURALS}",
    )


def _quoted(text: str) -> str:
    parts = [_escaped(part) for part in text.splitlines(keepends=True)] or [""]
    if len(parts) == 1 and len(parts[0]) <= _WIDTH:
        return f'"{parts[0]}"'
    return '""\n' + "\n".join(f'"{part}"' for part in parts)


def _escaped(text: str) -> str:
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return text


def mo_bytes(language: str, messages: Iterable[Message]) -> bytes:
    """The .mo file of what is translated."""
    texts = {"": "".join(f"{line}\n" for line in _header(language))}
    for message in messages:
        if message.translation and not message.is_fuzzy:
            texts[_mo_key(message)] = message.translation
    pairs = sorted((key.encode(), value.encode()) for key, value in texts.items())
    count = len(pairs)
    keys_at, values_at = _MO_HEAD, _MO_HEAD + 8 * count
    at = values_at + 8 * count
    tables, data = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), at + len(data))
            data += pair[column] + b"\0"
    head = struct.pack("<7I", _MO_MAGIC, 0, count, keys_at, values_at, 0, at)
    return head + tables[0] + tables[1] + data


def _mo_key(message: Message) -> str:
    key = f"{message.context}{_CONTEXT_END}{message.text}" if message.context else message.text
    return f"{key}{_PLURAL_END}{message.plural}" if message.plural else key
