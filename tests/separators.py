"""Texts put side by side with what only English has between them: `, `, `; ` and `: ` outside of a translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.untranslated import GAP, without_tags

_BETWEEN = re.compile(r"[,;:] ")
_IN_TEXT = re.compile(f"{GAP}[^\\w\\s{GAP}]?[,;:] |[,;:] {GAP}")
_SPEAKS = "django.utils.translation"
_JOINED = re.compile(r"\|join:\"[^\"]*[,;:][^\"]*\"")
_ELEMENT = r"</?\w[^>]*>"
_IN_TEMPLATE = re.compile(f"{GAP}(?:{_ELEMENT})*[,;:](?: |<|{GAP})|[,;:] (?:{_ELEMENT})*{GAP}")


def separators_in_python(code: str) -> Iterator[ast.expr]:
    """Joins and f-strings of a module that speaks to people."""
    if _SPEAKS not in code:
        return
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            between = node.func.value
            if isinstance(between, ast.Constant) and _BETWEEN.fullmatch(str(between.value)):
                yield node
        elif isinstance(node, ast.JoinedStr) and _IN_TEXT.search(_text_of(node)):
            yield node


def separators_in_template(template: str) -> Iterator[str]:
    """Places of a template."""
    yield from _JOINED.findall(template)
    yield from (found[0].replace(GAP, "…") for found in _IN_TEMPLATE.finditer(without_tags(template)))


def _text_of(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
