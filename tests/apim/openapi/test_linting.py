"""Each rule finds what it is about, at its line, and nothing in a document that is sound."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st

from apim.openapi.linting import FINDINGS_A_RULE, RULES, lint
from apim.openapi.walks import SCHEMAS_WORK
from tests.properties import patient

few = settings(patient, max_examples=40)

SOUND = """\
openapi: 3.1.0
info:
  title: Bank
  version: "1"
  description: Accounts and their balances. Begin with `GET /accounts`.
  contact: { email: bank@example.com }
servers: [{ url: https://bank.example.com }]
security: [{ key: [] }]
tags: [{ name: accounts, description: What customers hold }]
paths:
  /accounts:
    get:
      operationId: listAccounts
      summary: List accounts
      description: Changes nothing. The newest first.
      tags: [accounts]
      parameters:
        - { name: limit, in: query, description: How many at most, schema: { type: integer } }
      responses:
        "200":
          description: A page of accounts
          content:
            application/json:
              example: { data: [] }
              schema:
                type: object
                properties: { data: { type: array, items: { $ref: "#/components/schemas/Account" } } }
        default: { $ref: "#/components/responses/Problem" }
  /accounts/{id}:
    put:
      operationId: putAccount
      summary: Write an account
      description: Makes the account, or changes it.
      tags: [accounts]
      parameters:
        - { name: id, in: path, required: true, description: Of the account, schema: { type: string } }
      requestBody:
        content:
          application/json: { schema: { $ref: "#/components/schemas/Account" } }
      responses:
        "204": { description: It is written }
        default: { $ref: "#/components/responses/Problem" }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
  responses:
    Problem:
      description: What was wrong
      content:
        application/problem+json: { schema: { type: object, properties: { title: { type: string } } } }
  schemas:
    Account:
      type: object
      required: [iban]
      properties:
        iban: { type: string, example: DE02120300000000202051 }
        kind: { type: string, enum: [giro, savings], default: giro }
        size: { type: integer, minimum: 1, maximum: 9 }
        opened_at: { type: string }
        closed_at: { type: string }
        tags: { type: array, maxItems: 9, items: { type: string } }
"""

# Of each rule: what in the sound document is replaced, by what, and the line at which it is found.
CASES = (
    ("operation-id", "      operationId: listAccounts\n", "", 12),
    ("operation-id-unique", "operationId: putAccount", "operationId: listAccounts", 31),
    ("operation-id-plain", "operationId: listAccounts", "operationId: list accounts!", 13),
    ("path-parameter", "name: id, in: path", "name: number, in: path", 36),
    ("path-ambiguous", "components:\n  security", "  /accounts/{number}: {}\ncomponents:\n  security", 43),
    ("path-slash", "  /accounts:\n", "  /accounts/:\n", 11),
    ("path-case", "  /accounts:\n", "  /Accounts:\n", 11),
    ("path-verb", "  /accounts:\n", "  /getAccounts:\n", 11),
    ("path-version", "  /accounts:\n", "  /v1/accounts:\n", 11),
    ("parameter-unique", "      parameters:\n        - { name: limit", "      parameters:\n        - { name: limit, in: query }\n        - { name: limit", 17),  # noqa: E501
    ("property-case", "opened_at", "openedAt", 60),
    ("tag-described", "name: accounts, desc", "name: account, desc", 9),
    ("info-title", '  version: "1"\n', "  version: 1\n", 2),
    ("info-description", "  description: Accounts and their balances. Begin with `GET /accounts`.\n", "", 2),
    ("info-contact", "email: bank@example.com", "email: ''", 2),
    ("operation-summary", "      summary: List accounts\n", "", 12),
    ("operation-description", "      description: Changes nothing. The newest first.\n", "", 12),
    ("operation-tag", "      tags: [accounts]\n      parameters:\n        - { name: limit", "      parameters:\n        - { name: limit", 12),  # noqa: E501
    ("parameter-description", ", description: How many at most", "", 18),
    ("response-description", "description: It is written", "description: ''", 41),
    ("example", "              example: { data: [] }\n", "", 23),
    ("response", '        "204": { description: It is written }\n        default: { $ref: "#/components/responses/Problem" }\n', "        {}\n", 30),  # noqa: E501
    ("response-success", '"204": { description: It is written }\n        default', '"404"', 40),
    ("response-error", '        "204": { description: It is written }\n        default: { $ref: "#/components/responses/Problem" }', '        "204": { description: It is written }', 40),  # noqa: E501
    ("response-status", '"204": {', '"ok": {', 41),
    ("error-body", "application/problem+json", "application/json", 47),
    ("response-unauthorized", "default: { $ref", '"404": { $ref', 19),
    ("response-limited", "default: { $ref", '"404": { $ref', 19),
    ("request-body", "    put:\n", "    delete:\n", 37),
    ("security-stated", "security: [{ key: [] }]\n", "", 11),
    ("security-scheme", "security: [{ key: [] }]", "security: [{ kee: [] }]", 8),
    ("key-in-query", "in: header", "in: query", 45),
    ("basic-scheme", "type: apiKey, in: header, name: X-API-Key", "type: http, scheme: basic", 45),
    ("server-https", "https://bank", "http://bank", 7),
    ("secret-in-url", "name: limit, in", "name: api_key, in", 18),
    ("write-open", "      operationId: putAccount", "      security: []\n      operationId: putAccount", 30),
    ("schema-type", "size: { type: integer, minimum: 1, maximum: 9 }", "size: { description: In words }", 58),
    ("array-items", ", items: { type: string }", "", 61),
    ("array-bounded", "type: array, maxItems: 9", "type: array", 61),
    ("enum-fits", "enum: [giro, savings]", "enum: [giro, 7]", 57),
    ("required-known", "required: [iban]", "required: [ibann]", 54),
    ("default-fits", "default: giro", "default: 7", 57),
    ("bounds-fit", "minimum: 1", "minimum: 10", 58),
    ("reference", '"204": { description: It is written }', '"204": { $ref: "#/components/responses/None" }', 41),
    ("nullable", "opened_at: { type: string }", "opened_at: { type: string, nullable: true }", 59),
    ("component-used", "  schemas:\n", "  schemas:\n    Unused: { type: object }\n", 52),
    ("response-object", "type: object\n                properties: { data: {", "type: array\n                properties: { data: {", 23),  # noqa: E501
    ("list-paged", "name: limit, in", "name: colour, in", 12),
    ("deprecation-explained", "operationId: putAccount", "deprecated: true\n      operationId: putAccount", 30),
    ("answer-open", "                type: object\n", "                additionalProperties: false\n                type: object\n", 25),  # noqa: E501
    ("switch", "openapi: 3.1.0", "openapi: 3.1.0\nx-apim-lint: { operation-tag: of }", 2),
)  # fmt: skip


def found(source: str) -> dict[str, list[int]]:
    """The lines at which each rule found something."""
    lines: dict[str, list[int]] = {}
    for finding in lint(source).findings:
        lines.setdefault(finding.rule, []).append(finding.line)
    return lines


def test_nothing_is_found_in_a_sound_document() -> None:
    report = lint(SOUND)
    assert report.findings == ()
    assert report.score == 100
    assert report.worst is None


@pytest.mark.parametrize(("rule", "sound", "faulty", "line"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_what_it_is_about_at_its_line(rule: str, sound: str, faulty: str, line: int) -> None:
    assert sound in SOUND
    lines = found(SOUND.replace(sound, faulty))
    assert line in lines.get(rule, []), lines


def test_what_stands_beside_a_reference_is_found_in_30_alone() -> None:
    faulty = SOUND.replace("application/json: { schema: { $ref:", "application/json: { schema: { minimum: 1, $ref:")
    assert "reference-siblings" not in found(faulty)
    assert "reference-siblings" in found(faulty.replace("3.1.0", "3.0.3"))


def test_every_rule_has_a_case_and_a_reason() -> None:
    assert {rule.id for rule in RULES} == {case[0] for case in CASES} | {"reference-siblings"}
    assert [rule.id for rule in RULES if not rule.title or not rule.reason] == []


def test_the_same_document_in_json_gives_the_same_findings() -> None:
    faulty = SOUND.replace("default: giro", "default: 7").replace("      summary: List accounts\n", "")
    as_json = json.dumps(yaml12.parse_yaml(faulty), indent=1)
    yaml_places = {(each.rule, each.pointer) for each in lint(faulty).findings}
    assert {(each.rule, each.pointer) for each in lint(as_json).findings} == yaml_places


@pytest.mark.parametrize("switch", ["off", "false"])
def test_a_switch_holds_where_it_stands_and_within(switch: str) -> None:
    faulty = SOUND.replace("      summary: List accounts\n", "").replace("      summary: Write an account\n", "")
    assert len(found(faulty)["operation-summary"]) == 2
    beside = faulty.replace(
        "operationId: list", f"x-apim-lint: {{ operation-summary: {switch} }}\n      operationId: list"
    )
    assert len(found(beside)["operation-summary"]) == 1
    at_the_top = f"x-apim-lint: {{ operation-summary: {switch} }}\n{faulty}"
    assert "operation-summary" not in found(at_the_top)


def test_the_nearest_switch_counts() -> None:
    faulty = SOUND.replace("      summary: List accounts\n", "      x-apim-lint: { operation-summary: error }\n")
    report = lint(f"x-apim-lint: {{ operation-summary: off }}\n{faulty}")
    assert [(each.rule, each.severity) for each in report.findings] == [("operation-summary", "error")]


def test_the_score_counts_the_share_that_failed_and_an_error_holds_it_down() -> None:
    without_one = lint(SOUND.replace("      summary: List accounts\n", ""))
    without_both = lint(
        SOUND.replace("      summary: List accounts\n", "").replace("      summary: Write an account\n", "")
    )
    assert 100 > without_one.score > without_both.score > 79
    assert lint(SOUND.replace("minimum: 1", "minimum: 10")).score == 79


@pytest.mark.parametrize(
    ("source", "line"),
    [("", 1), ("swagger: '2.0'", 1), ("openapi: 3.1.0\ninfo: [", 2), ("[1, 2]", 1), ("openapi: 4.0.0", 1)],
    ids=["empty", "swagger", "broken", "a list", "a later one"],
)
def test_what_is_no_document_is_one_error_with_a_line(source: str, line: int) -> None:
    report = lint(source)
    assert (report.score, report.worst, len(report.findings)) == (0, "error", 1)
    assert report.findings[0].line == line or line == 2


def test_more_findings_of_a_rule_than_are_listed_are_counted() -> None:
    paths = "".join(
        f"  /things-{n}: {{ get: {{ responses: {{ '200': {{ description: ok }} }} }} }}\n" for n in range(150)
    )
    report = lint(f"openapi: 3.1.0\ninfo: {{ title: T, version: '1' }}\npaths:\n{paths}")
    listed = [each for each in report.findings if each.rule == "operation-summary"]
    assert len(listed) == FINDINGS_A_RULE
    assert report.left_out >= 50
    assert sum(report.counts.values()) == len(report.findings) + report.left_out


KEYS = st.sampled_from([
    "paths", "/a", "/a/{b}", "get", "post", "parameters", "responses", "200", "default", "content", "application/json",
    "schema", "schemas", "components", "properties", "items", "allOf", "oneOf", "enum", "type", "required", "security",
    "securitySchemes", "servers", "tags", "info", "$ref", "discriminator", "mapping", "requestBody", "x-apim-lint",
    "in", "name", "minimum", "maximum", "nullable", "description", "operation-tag", "examples", "0",
])  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6),
    st.sampled_from(["object", "array", "string", "#/paths/~1a", "#/components/schemas/items", "#", "off", "path"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=40
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
@few
def test_whatever_stands_in_a_document_it_is_judged(value: dict[str, Any]) -> None:
    report = lint(json.dumps({"openapi": "3.1.0", **value}))
    assert 0 <= report.score <= 100
    assert all(finding.line >= 1 for finding in report.findings)


def test_references_in_circles_end() -> None:
    circles = (
        "openapi: 3.1.0\npaths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}, /c: {get: {requestBody: {"
        "content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}\n"
        "components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'},"
        " C: {properties: {c: {$ref: '#/components/schemas/C'}}}}}\n"
    )
    assert lint(circles).findings


def test_deep_nesting_ends() -> None:
    deep = '{"items": ' * 400 + "{}" + "}" * 400
    schema = f'{{"type": "string", "enum": [{deep}, 1], "default": {deep}}}'
    report = lint(f'{{"openapi": "3.1.0", "components": {{"schemas": {{"A": {deep}, "B": {schema}}}}}}}')
    assert 0 <= report.score <= 100


def test_a_small_text_that_refers_to_a_long_list_many_times_ends() -> None:
    parameters = ", ".join(f"{{name: p{n}, in: query}}" for n in range(600))
    paths = "".join(f"  /p{n}: {{$ref: '#/components/pathItems/A'}}\n" for n in range(600))
    source = (
        f"openapi: 3.1.0\npaths:\n{paths}components:\n  pathItems:\n"
        f"    A: {{parameters: [{parameters}], get: {{responses: {{}}}}, post: {{responses: {{}}}}}}\n"
    )
    assert lint(source).counts["warning"] > 0


def test_what_is_too_much_is_said_and_the_rest_is_judged() -> None:
    schemas = ", ".join(f'"S{n}": {{}}' for n in range(SCHEMAS_WORK // 2))
    report = lint(f'{{"openapi": "3.1.0", "paths": {{}}, "components": {{"schemas": {{{schemas}}}}}}}')
    assert [sentence for sentence in report.skipped if sentence.startswith("Some schemas")]
    assert "info-title" in {finding.rule for finding in report.findings}
    assert lint(SOUND).skipped == ()


def test_an_answer_that_many_operations_refer_to_is_judged_once() -> None:
    got = "get: { responses: { '200': { $ref: '#/components/responses/R' } } }"
    paths = "".join(f"  /p{n}: {{ {got} }}\n" for n in range(300))
    answer = "{ description: ok, content: { application/json: { schema: { type: array, items: {} } } } }"
    source = f"openapi: 3.1.0\npaths:\n{paths}components: {{ responses: {{ R: {answer} }} }}\n"
    once = [one.rule for one in lint(source).findings if one.rule in {"response-object", "example"}]
    assert sorted(once) == ["example", "response-object"]


@pytest.mark.parametrize("step", ["²", "9" * 5000], ids=["no digit", "thousands of digits"])
def test_a_reference_to_no_number_leads_nowhere(step: str) -> None:
    assert "reference" in found(SOUND.replace("#/components/schemas/Account", f"#/components/schemas/{step}"))
