"""Linting: what in an OpenAPI document could be better, rule by rule, with lines and a score.

Owns: which rules there are, in which order, and the score. A rule is a pure function of a module of its theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from apim.openapi.contract import Contract
from apim.openapi.linting import documentation, errors, evolution, naming, schemas, security
from apim.openapi.linting.rules import SEVERITIES, SWITCH, Finding, Rule, Severity, Switches
from apim.openapi.positions import Pointer, TextPositions, pointer_text
from apim.openapi.source import SourceFault, read_source
from apim.openapi.values import Place, pointer_of

__all__ = ["RULES", "SEVERITIES", "Finding", "Report", "Rule", "Severity", "lint", "unreadable"]

RULES: Final[tuple[Rule, ...]] = (
    Rule("operation-id", "warning", naming.operation_id),
    Rule("operation-id-unique", "error", naming.operation_id_unique),
    Rule("operation-id-plain", "hint", naming.operation_id_plain),
    Rule("path-parameter", "error", naming.path_parameter),
    Rule("path-ambiguous", "error", naming.path_ambiguous),
    Rule("path-slash", "warning", naming.path_slash),
    Rule("path-case", "hint", naming.path_case),
    Rule("path-verb", "hint", naming.path_verb),
    Rule("path-version", "hint", naming.path_version),
    Rule("parameter-unique", "error", naming.parameter_unique),
    Rule("property-case", "hint", naming.property_case),
    Rule("tag-described", "hint", naming.tag_described),
    Rule("info-title", "error", documentation.info_title),
    Rule("info-description", "warning", documentation.info_description),
    Rule("info-contact", "hint", documentation.info_contact),
    Rule("operation-summary", "warning", documentation.operation_summary),
    Rule("operation-description", "hint", documentation.operation_description),
    Rule("operation-tag", "hint", documentation.operation_tag),
    Rule("parameter-description", "hint", documentation.parameter_description),
    Rule("response-description", "warning", documentation.response_description),
    Rule("example", "hint", documentation.example),
    Rule("response", "error", errors.response),
    Rule("response-success", "warning", errors.response_success),
    Rule("response-error", "warning", errors.response_error),
    Rule("response-status", "error", errors.response_status),
    Rule("error-body", "hint", errors.error_body),
    Rule("response-unauthorized", "hint", errors.response_unauthorized),
    Rule("response-limited", "hint", errors.response_limited),
    Rule("request-body", "warning", errors.request_body),
    Rule("security-stated", "warning", security.security_stated),
    Rule("security-scheme", "error", security.security_scheme),
    Rule("key-in-query", "warning", security.key_in_query),
    Rule("basic-scheme", "hint", security.basic_scheme),
    Rule("server-https", "warning", security.server_https),
    Rule("secret-in-url", "warning", security.secret_in_url),
    Rule("write-open", "warning", security.write_open),
    Rule("schema-type", "warning", schemas.schema_type),
    Rule("array-items", "error", schemas.array_items),
    Rule("array-bounded", "hint", schemas.array_bounded),
    Rule("enum-fits", "error", schemas.enum_fits),
    Rule("required-known", "warning", schemas.required_known),
    Rule("default-fits", "error", schemas.default_fits),
    Rule("bounds-fit", "error", schemas.bounds_fit),
    Rule("reference", "error", schemas.reference),
    Rule("reference-siblings", "warning", schemas.reference_siblings),
    Rule("nullable", "warning", schemas.nullable),
    Rule("component-used", "hint", schemas.component_used),
    Rule("response-object", "hint", evolution.response_object),
    Rule("list-paged", "warning", evolution.list_paged),
    Rule("deprecation-explained", "hint", evolution.deprecation_explained),
    Rule("answer-open", "hint", evolution.answer_open),
    Rule("switch", "warning", evolution.switch),
)
FINDINGS_A_RULE: Final = 100
SUBJECTS_AT_MOST: Final = 50_000
UNREADABLE: Final = "readable"
WEIGHTS: Final[Mapping[Severity, int]] = {"error": 10, "warning": 4, "hint": 1}
SCORE_WITH_ERROR_AT_MOST: Final = 79


@dataclass(frozen=True, slots=True)
class Report:
    """What lint has found, the worst first, and in the order of the document.

    Shapes: score from 0 to 100; counts and left_out by severity, left_out = found beyond the most that are listed;
    skipped = what was not looked at, as sentences, because the document asks for more work than one may.
    """

    score: int
    findings: tuple[Finding, ...]
    counts: Mapping[Severity, int]
    left_out: int = 0
    skipped: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; None when there is none."""
        return next((severity for severity in SEVERITIES if self.counts[severity]), None)


def lint(source: str) -> Report:
    """What could be better in an OpenAPI document of 3.0 or 3.1. Total: what cannot be read is a finding."""
    try:
        read = read_source(source)
    except SourceFault as fault:
        return unreadable(f"{fault.message} {fault.hint}".strip(), max(fault.line, 1))
    data = read.value
    if not isinstance(data, dict) or not str(data.get("openapi", "")).startswith(("3.0", "3.1")):
        return unreadable("This is not an OpenAPI document of 3.0 or 3.1: begin it with `openapi: 3.1.0`.", 1)
    contract = Contract(data)
    every = _judged(contract, Switches(data, RULES) if SWITCH in source else None)
    return replace(_located(every, source, read.format), skipped=tuple(contract.skipped))


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one rule says: how many it looked at, and which of them failed, by severity."""

    rule: Rule
    subjects: int
    failed: tuple[tuple[Place, str, Severity], ...]


def _judged(contract: Contract, switches: Switches | None) -> list[_Judged]:
    every = []
    for rule in RULES:
        subjects = 0
        failed: dict[tuple[Place, str], tuple[Place, str, Severity]] = {}
        for count, (at, message) in enumerate(rule.judge(contract)):
            if count == SUBJECTS_AT_MOST:
                contract.skip(f"What the rule `{rule.id}` looks at, beyond the first {SUBJECTS_AT_MOST:,}.")
                break
            severity = switches.severity(at, rule) if message and switches else rule.severity
            if severity is None:
                continue
            subjects += 1
            if message:
                failed.setdefault((at, message), (at, message, severity))
        every.append(_Judged(rule, subjects, tuple(failed.values())))
    return every


def _located(every: Iterable[_Judged], source: str, form: str) -> Report:
    every = list(every)
    shown = [(one.rule, *failed) for one in every for failed in one.failed[:FINDINGS_A_RULE]]
    pointers: dict[Place, Pointer] = {at: pointer_of(at) for _, at, _, _ in shown}
    lines = TextPositions(source, form).lines(pointers.values())
    findings = [
        Finding(rule.id, severity, pointer_text(pointers[at]), lines[pointers[at]], message)
        for rule, at, message, severity in shown
    ]
    findings.sort(key=lambda one: (SEVERITIES.index(one.severity), one.line, one.pointer, one.rule))
    counts = {name: sum(severity == name for one in every for *_, severity in one.failed) for name in SEVERITIES}
    left_out = sum(len(one.failed) for one in every) - len(findings)
    return Report(_score(every), tuple(findings), counts, left_out)


def _score(every: Iterable[_Judged]) -> int:
    """100 less what failed: each rule that found anything to look at counts by its weight and its share that failed."""
    asked = [one for one in every if one.subjects]
    full = sum(WEIGHTS[one.rule.severity] for one in asked)
    lost = sum(WEIGHTS[one.rule.severity] * min(1, len(one.failed) / one.subjects) for one in asked)
    score = int(100 * (1 - lost / full)) if full else 100
    has_error = any(severity == "error" for one in asked for *_, severity in one.failed)
    return min(score, SCORE_WITH_ERROR_AT_MOST) if has_error else score


def unreadable(message: str, line: int) -> Report:
    """The report of a text that is no document, and why."""
    finding = Finding(UNREADABLE, "error", "", line, message)
    return Report(0, (finding,), {"error": 1, "warning": 0, "hint": 0})
