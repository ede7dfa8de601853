"""What `apim apply -f` sends: the documents of files and directories as one text, and the files they name.

Shapes: `$file` is resolved here, against the directory of the document that names it; `$env` against this process's
environment, never the server's.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml12

from apim.cli.errors import CLIError

SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_BYTES: Final = 20 << 20
LINE: Final = re.compile(r"\bline (\d+)\b")
_ENV_FLOW: Final = re.compile(r"""\{\s*["']?\$env["']?\s*:\s*["']?([^"'\s{},]+)["']?\s*\}""")
_ENV_BLOCK: Final = re.compile(r"""(?m)^(\s*(?:-\s+)?)["']?\$env["']?\s*:\s*["']?([^"'\s{},]+)["']?(?=\s*(?:#.*)?$)""")
_FILE: Final = re.compile(r"""(["']?\$file["']?\s*:\s*)["']?([^"'\s{},]+)["']?""")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of documents and where it begins in the whole text."""

    name: str
    first_line: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is sent."""

    documents: str
    files: dict[str, str]
    parts: tuple[Part, ...]

    def located(self, message: str) -> str:
        """message with `line 7` of the whole text as the file and line that people edit."""
        return LINE.sub(lambda match: self._place(int(match[1])), message)

    def _place(self, line: int) -> str:
        part = next((part for part in reversed(self.parts) if part.first_line <= line), None)
        return f"{part.name} line {line - part.first_line + 1}" if part else f"line {line}"


def read_sources(names: list[str]) -> Bundle:
    """The bundle of files, directories (their own YAML and JSON files, sorted) and `-` (standard input).

    Errors: CLIError for what cannot be read, a `$file` outside of reach, an `$env` that is not set.
    """
    texts: list[str] = []
    parts: list[Part] = []
    files: dict[str, str] = {}
    line = 1
    for name, base, text in read_each(names):
        resolved = _resolve(name, base, text, files).rstrip("\n") + "\n"
        if texts:
            texts.append("---\n")
            line += 1
        parts.append(Part(name, line))
        texts.append(resolved)
        line += resolved.count("\n")
    return Bundle("".join(texts), files, tuple(parts))


def read_text(path: Path, name: str) -> str:
    """The text of a file.

    Errors: CLIError when it is not there, not UTF-8 or too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            message = f"{name} has more than {MAX_BYTES >> 20} MiB."
            raise CLIError(message)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}."
        raise CLIError(message) from error
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text."
        raise CLIError(message) from error


def read_each(names: list[str]) -> Iterator[tuple[str, Path, str]]:
    """The texts of files, directories and `-`, each with its name and the directory that its paths start from.

    Errors: CLIError for what cannot be read.
    """
    for name in names:
        path = Path(name)
        if name == "-":
            yield "standard input", Path.cwd(), sys.stdin.read()
        elif path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES and each.is_file())
            if not inside:
                message = f"There is no YAML or JSON file in {name}."
                raise CLIError(message)
            for each in inside:
                yield str(each), each.parent, read_text(each, str(each))
        else:
            yield name, path.parent, read_text(path, name)


def _resolve(name: str, base: Path, text: str, files: dict[str, str]) -> str:
    """text as the server can take it; files gains what it names.

    The text stays as it was written, with its lines, unless a reference must be replaced in it.
    """
    if "$file" not in text and "$env" not in text:
        return text
    try:
        documents = yaml12.parse_yaml(text, multi=True)
    except ValueError:
        return text  # the server says what is wrong with it, and in which line
    renamed: dict[str, str] = {}
    is_changed = False

    def replaced(value: Any) -> Any:
        nonlocal is_changed
        if isinstance(value, list):
            return [replaced(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"$env"}:
            is_changed = True
            return _from_environment(name, value["$env"])
        if set(value) == {"$file"} and isinstance(value["$file"], str):
            content = read_text(base / value["$file"], str(base / value["$file"]))
            key = value["$file"]
            if files.setdefault(key, content) != content:  # another directory's file of the same name
                is_changed = True
                renamed[key] = os.path.normpath(base / key)
                key = renamed[key]
                files[key] = content
            return {"$file": key}
        return {key: replaced(inner) for key, inner in value.items()}

    result = [replaced(document) for document in documents]
    if not is_changed:
        return text
    return _in_place(text, renamed, result) or "---\n".join(f"{json.dumps(document)}\n" for document in result)


def _in_place(text: str, renamed: Mapping[str, str], wanted: list[Any]) -> str:
    """text with its references replaced where they stand, so that every line keeps its number.

    Shapes: "" when what comes out does not mean what is wanted, as with references inside of texts.
    """
    found = _ENV_FLOW.sub(lambda match: json.dumps(os.environ.get(match[1])), text)
    found = _ENV_BLOCK.sub(lambda match: match[1] + json.dumps(os.environ.get(match[2])), found)
    found = _FILE.sub(lambda match: match[1] + json.dumps(renamed.get(match[2], match[2])), found)
    try:
        return found if [*yaml12.parse_yaml(found, multi=True)] == wanted else ""
    except ValueError:
        return ""


def _from_environment(name: str, variable: object) -> str:
    value = os.environ.get(variable) if isinstance(variable, str) else None
    if value is None:
        message = f"{name} needs the environment variable {variable}, which is not set."
        raise CLIError(message, hint=f"Run it as {variable}=... apim apply ...")
    return value
