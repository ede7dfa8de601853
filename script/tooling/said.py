"""Sentences that pure modules say in English: they know no gettext, pages look them up as they show them.

Owns: which sentences there are, one in each line of apim/ui/said.txt. `%(name)s` stands for what fills a sentence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

from tooling.environment import ROOT

LIST = ROOT / "apim" / "ui" / "said.txt"
_SOURCES = (
    "apim/access/services",
    "apim/billing/applying.py",
    "apim/billing/cards.py",
    "apim/billing/credits/automatic.py",
    "apim/billing/credits/drawing.py",
    "apim/billing/credits/ledger.py",
    "apim/billing/credits/settling.py",
    "apim/billing/dunning.py",
    "apim/billing/events.py",
    "apim/billing/invoices.py",
    "apim/billing/leaving.py",
    "apim/billing/metering.py",
    "apim/billing/migrating.py",
    "apim/billing/noticing.py",
    "apim/billing/probing.py",
    "apim/billing/reconciling.py",
    "apim/billing/rehearsing",
    "apim/billing/resuming.py",
    "apim/billing/returning.py",
    "apim/billing/standing.py",
    "apim/catalog/faults.py",
    "apim/catalog/issuer_keys.py",
    "apim/catalog/openapi.py",
    "apim/catalog/references.py",
    "apim/demo/traffic.py",
    "apim/gateways/acme",
    "apim/gateways/outbound.py",
    "apim/openapi",
    "apim/pricing/faults.py",
    "apim/pricing/meters.py",
    "apim/webhooks/disabling.py",
    "apim/webhooks/sending.py",
    "gateway_sync/compositions",
    "gateway_sync/compiler",
    "gateway_sync/delivery/states.py",
    "gateway_sync/policies",
    "gateway_sync/upstreams",
    "gateway_sync/runtime/core/access.py",
    "gateway_sync/runtime/core/addresses.py",
    "gateway_sync/runtime/core/admission.py",
    "gateway_sync/runtime/core/chunked.py",
    "gateway_sync/runtime/core/composition.py",
    "gateway_sync/runtime/core/field_lines.py",
    "gateway_sync/runtime/core/hosts.py",
    "gateway_sync/runtime/core/index.py",
    "gateway_sync/runtime/core/keys.py",
    "gateway_sync/runtime/core/request_head.py",
    "gateway_sync/runtime/core/response_head.py",
    "gateway_sync/runtime/core/stepped_heads.py",
    "gateway_sync/runtime/core/steps.py",
    "gateway_sync/runtime/core/token_grants.py",
    "gateway_sync/runtime/core/tokens.py",
)
_SHOWN_TO_CALLERS = (
    "apim/access/services",
    "apim/billing/credits/automatic.py",
    "apim/billing/credits/drawing.py",
    "apim/billing/credits/ledger.py",
    "apim/billing/credits/settling.py",
    "apim/billing/leaving.py",
    "apim/gateways/outbound.py",
    "apim/openapi/differing",
    "apim/webhooks/sending.py",
)
_SILENT = {"reference.py", "validate_request.py", "strict_json.py"}  # references are English, callers are no readers
_SENTENCE = re.compile(r"[A-Z\"`%].*[a-z].*[.:]\Z", re.DOTALL)
_ENOUGH = 6  # letters of its own, by which a sentence is known again


@cache
def text() -> str:
    """The file as it should be."""
    return "".join(f"{each}\n" for each in sorted(_all()))


@cache
def told_to_callers() -> frozenset[str]:
    """Those that the portal shows: changes of contracts, refusals, ends of subscriptions, credits, deliveries."""
    from gateway_sync.runtime.core.refusals import CODES  # noqa: PLC0415 - only in the environment of the repository

    found = {title for _, title in CODES.values()}
    for path in _paths(_SHOWN_TO_CALLERS):
        found.update(sentences(path.read_text(encoding="utf-8")))
    return frozenset(found)


def _all() -> set[str]:
    found = {*_described(), *told_to_callers()}
    for path in _paths(_SOURCES):
        found.update(sentences(path.read_text(encoding="utf-8")))
    return found


def _paths(sources: Iterable[str]) -> Iterator[Path]:
    for source in sources:
        place = ROOT / source
        found = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        yield from (path for path in found if path.name not in _SILENT)


def _described() -> Iterator[str]:
    """What kinds of policies and groups of settings are called, and what lint rules ask for and why."""
    from apim.openapi.linting import RULES  # noqa: PLC0415 - only in the environment of the repository
    from gateway_sync import policies, upstreams  # noqa: PLC0415
    from gateway_sync.policies.applied import OPERATIONS, SHADOW  # noqa: PLC0415

    for description in (*policies.DESCRIPTIONS.values(), *upstreams.DESCRIPTIONS.values()):
        yield from (description.title, description.summary)
        for setting in (*description.settings, OPERATIONS, SHADOW):
            yield from (each for each in (setting.label, setting.meaning, setting.writing) if each)
    for rule in RULES:
        yield from (" ".join(each.split()) for each in (rule.title, rule.reason) if each)


def sentences(code: str) -> Iterator[str]:
    """The sentences of a module, docstrings left out; one that is said in several ways is there in each."""
    tree = ast.parse(code)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in told:
            continue
        if isinstance(node, ast.JoinedStr):
            yield from (each for each in _filled(node) if _is_known_again(each))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield from (each for each in (node.value,) if " " in each and "\n" not in each and _SENTENCE.match(each))


def _filled(node: ast.JoinedStr) -> Iterator[str]:
    names: dict[str, int] = {}
    pieces: list[tuple[str, ...]] = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            pieces.append((str(each.value).replace("%", "%%"),))
        elif isinstance(each, ast.FormattedValue):
            pieces.append(_ways(each.value) or (_placeholder(each.value, names),))
    yield from ("".join(way) for way in product(*pieces))


def _ways(value: ast.expr) -> tuple[str, ...]:
    """Both texts of `"..." if ... else "..."`; () for anything else."""
    if not isinstance(value, ast.IfExp):
        return ()
    ways = (value.body, value.orelse)
    return tuple(str(each.value) for each in ways if isinstance(each, ast.Constant)) if _are_texts(ways) else ()


def _are_texts(ways: tuple[ast.expr, ...]) -> bool:
    return all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ways)


def _placeholder(value: ast.expr, names: dict[str, int]) -> str:
    words = re.findall(r"[a-z]\w*", ast.unparse(value).lower())
    name = words[-1] if words else "value"
    names[name] = names.get(name, 0) + 1
    return f"%({name}{names[name] if names[name] > 1 else ''})s"


def _is_known_again(sentence: str) -> bool:
    own = re.sub(r"%\(\w+\)s", "", sentence)
    return bool(_SENTENCE.match(sentence)) and "\n" not in sentence and len(re.findall(r"[A-Za-z]", own)) >= _ENOUGH
