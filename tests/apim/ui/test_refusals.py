"""What services refuse is shown on pages, so its words go through gettext: none is an f-string or a bare sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from apim.config.env import ROOT

_ERRORS: Final = frozenset({"Conflict", "Forbidden", "Invalid", "NotFound", "ValidationError"})
# Machine interfaces, pure modules whose sentences are looked up as they are shown, and what no page shows.
_ELSEWHERE: Final = (
    "apim/api/", "apim/backups/", "apim/cli/", "apim/config/", "apim/documents/", "apim/gateways/acme/",
    "apim/openapi/", "apim/up/", "apim/gateways/joining.py", "apim/mails/kinds.py", "apim/console/views/composites.py",
    "apim/platform/promotion/services.py",
)  # fmt: skip


def bare_words(module: ast.Module) -> Iterator[ast.expr]:
    """Each message or hint of a refusal that is written as it stands, or made of parts of a sentence."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef):
            continue
        named = {
            each.targets[0].id: each.value
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
        }
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _ERRORS:
                texts = [*call.args[:2], *(each.value for each in call.keywords if each.arg in {"hint", "message"})]
                found = [named.get(each.id, each) if isinstance(each, ast.Name) else each for each in texts]
                yield from (each for each in found if _is_sentence(each))


def _is_sentence(value: ast.expr) -> bool:
    if isinstance(value, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and " " in str(part.value).strip() for part in value.values)
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value


def _modules() -> Iterator[Path]:
    for package in ("apim", "portal"):
        yield from sorted((ROOT / package).rglob("*.py"))


def test_every_refusal_can_be_said_in_another_language() -> None:
    known = (ROOT / "apim/ui/said.txt").read_text(encoding="utf-8")
    wrong = []
    for path in _modules():
        place, code = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        if place.startswith(_ELSEWHERE) or not any(f"{name}(" in code for name in _ERRORS):
            continue
        bare = [each for each in bare_words(ast.parse(code)) if ast.unparse(each).strip("\"'") not in known]
        wrong += [f"{place}:{each.lineno}: {ast.unparse(each)}" for each in bare]
    assert wrong == []
