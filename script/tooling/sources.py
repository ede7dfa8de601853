"""Texts of the sources that are to be translated: what `gettext` is given in Python and in templates.

Owns: which source belongs to which catalogue. What an application developer or a visitor can see is the portal's, the
rest the console's; a text of both is the portal's alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from tooling import said
from tooling.catalogues import Message
from tooling.environment import ROOT

# Pages of owners and admins, and the packages whose texts only they see. All other sources are the portal's.
CONSOLE = (
    "apim/advice.py",
    "apim/alerts/",
    "apim/analytics/",
    "apim/audit/",
    "apim/billing/catalogue.py",
    "apim/billing/credits/terms.py",
    "apim/billing/moving.py",
    "apim/billing/readiness.py",
    "apim/billing/rehearsing/",
    "apim/catalog/comparisons.py",
    "apim/catalog/composites.py",
    "apim/catalog/fetch.py",
    "apim/catalog/issuers.py",
    "apim/catalog/job_kinds.py",
    "apim/catalog/models/",
    "apim/catalog/operations.py",
    "apim/catalog/sandboxes.py",
    "apim/catalog/services/",
    "apim/catalog/upstreams.py",
    "apim/console/",
    "apim/demo/",
    "apim/documents/",
    "apim/gateways/",
    "apim/jobs/",
    "apim/openapi/linting/",
    "apim/platform/",
    "apim/releases/",
    "gateway_sync/",
    "templates/console/",
)
# function -> where its arguments are: context, text, plural (None = it has none)
FUNCTIONS: dict[str, tuple[int | None, int, int | None]] = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(_|n?p?gettext)\(\s*({_LITERAL}(?:\s*,\s*{_LITERAL})*)", re.DOTALL)
_TEMPLATES = ("*.html", "*.txt", "*.xml")


def messages_of_sources() -> dict[str, list[Message]]:
    """catalogue ("portal" or "console") -> its messages, each with the files that it stands in."""
    found: dict[str, dict[tuple[str, str], Message]] = {"portal": {}, "console": {}}
    for path in _paths():
        source = path.relative_to(ROOT).as_posix()
        texts = python_texts if path.suffix == ".py" else template_texts
        own = found["console" if source.startswith(CONSOLE) else "portal"]
        for each in texts(path.read_text(encoding="utf-8"), source):
            known = own.setdefault(each.key, each)
            known.plural = known.plural or each.plural
            if source not in known.sources:
                known.sources.append(source)
    for text in said.text().splitlines():
        own = found["portal" if text in said.told_to_callers() else "console"]
        own.setdefault(("", text), Message(text, sources=[said.LIST.relative_to(ROOT).as_posix()]))
    for key in found["portal"].keys() & found["console"].keys():
        twin, known = found["console"].pop(key), found["portal"][key]
        known.plural = known.plural or twin.plural
    return {name: list(messages.values()) for name, messages in found.items()}


def _paths() -> Iterator[Path]:
    for pattern in _TEMPLATES:
        yield from sorted((ROOT / "templates").rglob(pattern))
    for package in ("apim", "gateway_sync", "portal"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def python_texts(code: str, name: str) -> Iterator[Message]:
    """What a Python module gives gettext as literals."""
    if "gettext" not in code:
        return
    for node in ast.walk(ast.parse(code, name)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in FUNCTIONS:
            values = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
            if message := _message(function, values):
                yield message


def template_texts(template: str, name: str) -> Iterator[Message]:
    """What a template has in `translate`, `blocktranslate` and `_("...")`."""
    for function, arguments in _CALL.findall(templatize(template, origin=name)):
        values = [ast.literal_eval(each) for each in re.findall(_LITERAL, arguments, re.DOTALL)]
        if message := _message(function, values):
            yield message


def _message(function: str, values: list[object]) -> Message | None:
    context, text, plural = (values[at] if at is not None and at < len(values) else "" for at in FUNCTIONS[function])
    if not (isinstance(text, str) and text and isinstance(context, str) and isinstance(plural, str)):
        return None  # a variable: what it holds was marked where it is written
    return Message(text, context=context, plural=plural)
