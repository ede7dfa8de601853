"""Each kind of change is told with its impact, both ways; what is equal is not told at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st

from apim.openapi.differing import KINDS, Comparison, compare_contracts, compare_texts, work
from apim.openapi.source import SourceFault
from tests.properties import patient

few = settings(patient, max_examples=40)

FOLDER = Path(__file__).parent
BASE = (FOLDER / "base.yaml").read_text()
CASES = yaml12.parse_yaml((FOLDER / "changes.yaml").read_text())
B, S, T = "breaking", "safe", "text"
GET, PUT, POST = "GET /accounts/{id}", "PUT /accounts/{id}", "POST /transfers"
BODY = '      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Transfer" } } } }\n'


def told(before: str, after: str) -> set[tuple[str, str]]:
    return {(change.kind, change.impact) for change in compare_texts(before, after).changes}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_change_is_told_with_its_impact_both_ways(case: dict[str, str]) -> None:
    changed = BASE.replace(case["replace"], case["by"])
    assert changed != BASE
    assert tuple(case["there"].split()) in told(BASE, changed)
    assert "back" not in case or tuple(case["back"].split()) in told(changed, BASE)


def test_each_kind_has_a_case() -> None:
    seen = {told.split()[0] for case in CASES for told in (case["there"], case.get("back", case["there"]))}
    elsewhere = {"body-added-required", "response-removed", "body-text-changed", "property-added-required"}
    assert {kind.id for kind in KINDS} - seen == elsewhere


def test_the_kinds_without_a_case_of_their_own() -> None:
    required = BODY.replace("{ content", "{ required: true, content")
    assert ("body-added-required", B) in told(BASE.replace(BODY, ""), BASE.replace(BODY, required))
    assert ("response-removed", B) in told(BASE, BASE.replace('{ "204"', '{ "200"'))
    assert ("body-text-changed", T) in told(
        BASE, BASE.replace(BODY, BODY.replace("{ content", "{ description: X, content"))
    )
    wanted = BASE.replace("required: [amount]", "required: [amount, more]").replace(
        "        text: {", "        more: {}\n        text: {"
    )
    assert ("property-added-required", B) in told(BASE, wanted)


def test_a_change_of_a_shared_schema_is_one_with_every_operation_that_reaches_it() -> None:
    comparison = compare_texts(BASE, BASE.replace("name: { type: string }", "name: { type: integer }"))
    assert [(change.kind, change.operations) for change in comparison.changes] == [("type-changed", (GET, PUT, POST))]


def test_both_places_have_lines() -> None:
    added = BASE.replace(
        'info: { title: Bank, version: "1" }\n', 'info: { title: Bank, version: "1" }\n# one line more\n'
    )
    (change,) = compare_texts(BASE, added.replace("[sepa, swift]", "[sepa]")).changes
    pointer = "/components/schemas/Transfer/properties/kind/enum"
    line = next(n for n, text in enumerate(BASE.split("\n"), 1) if "[sepa, swift]" in text)
    assert (change.before.pointer, change.before.line) == (pointer, line)
    assert (change.after.pointer, change.after.line) == (pointer, line + 1)


def test_what_is_written_in_another_way_is_no_change() -> None:
    nullable = BASE.replace("3.1.0", "3.0.3").replace(
        "note: { type: string }", "note: { type: string, nullable: true }"
    )
    listed = BASE.replace("note: { type: string }", 'note: { type: [string, "null"] }')
    composed = BASE.replace("note: { type: string }", "note: { anyOf: [{ type: string }, { type: 'null' }] }")
    assert told(nullable, listed) == told(listed, composed) == set()
    joined = BASE.replace("note: { type: string }", "note: { allOf: [{ type: string }] }")
    renamed = BASE.replace("key: [] }", "token: [] }").replace("    key: {", "    token: {")
    as_json = json.dumps(yaml12.parse_yaml(BASE))
    assert told(BASE, joined) == told(BASE, renamed) == told(BASE, as_json) == set()


def test_in_a_webhook_the_service_is_the_caller() -> None:
    hook = (
        "openapi: 3.1.0\npaths: {}\nwebhooks:\n  paid:\n"
        "    post: { requestBody: { content: { application/json: { schema: { type: string, enum: [a, b] } } } } }\n"
    )
    assert told(hook, hook.replace("[a, b]", "[a, b, c]")) == {("enum-value-added", B)}


@pytest.mark.parametrize("other", ["", "swagger: '2.0'", "[1]"], ids=["empty", "swagger", "list"])
def test_what_is_no_document_is_refused(other: str) -> None:
    with pytest.raises(SourceFault):
        compare_texts(BASE, other)


KEYS = st.sampled_from([
    "a", "b", "type", "properties", "items", "required", "allOf", "anyOf", "oneOf", "enum", "$ref", "minimum",
    "maximum", "exclusiveMinimum", "nullable", "additionalProperties", "discriminator", "propertyName", "default",
    "pattern", "const", "readOnly", "maxItems", "description", "deprecated",
])  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False),
    st.sampled_from(["object", "string", "null", "a", "#/components/schemas/a", "#/components/schemas/b", "#/x"]),
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of a few operations, whose schemas are anything."""
    media = st.fixed_dictionaries({"application/json": st.fixed_dictionaries({"schema": SCHEMAS})})
    parameters = st.lists(
        st.fixed_dictionaries({"name": st.sampled_from("pq"), "in": st.just("query"), "required": st.booleans()}),
        max_size=2,
    )
    operation = st.fixed_dictionaries(
        {
            "parameters": parameters,
            "responses": st.fixed_dictionaries({"200": st.fixed_dictionaries({"content": media})}),
        },
        optional={"requestBody": st.fixed_dictionaries({"content": media}), "security": SCHEMAS},
    )
    paths = draw(
        st.dictionaries(st.sampled_from(["/a", "/b/{c}"]), st.dictionaries(st.sampled_from(["get", "post"]), operation))
    )
    return {
        "openapi": "3.1.0",
        "paths": paths,
        "components": {"schemas": draw(st.dictionaries(st.sampled_from("ab"), SCHEMAS))},
    }


@given(documents())
@few
def test_nothing_differs_from_itself(document: dict[str, Any]) -> None:
    assert compare_contracts(document, document) == Comparison(())


BACK = {
    "operation-added": "operation-removed", "parameter-added": "parameter-removed",
    "parameter-added-required": "parameter-removed", "parameter-became-required": "parameter-became-optional",
    "body-added": "body-removed", "property-added": "property-removed",
    "property-added-required": "property-removed", "property-became-required": "property-became-optional",
    "type-narrowed": "type-widened", "enum-added": "enum-removed", "enum-value-added": "enum-value-removed",
    "bound-tightened": "bound-loosened", "rule-added": "rule-removed", "variant-added": "variant-removed",
    "null-allowed": "null-forbidden", "properties-closed": "properties-opened",
}  # fmt: skip


@given(documents(), documents())
@few
def test_what_is_added_one_way_is_removed_the_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    there = {
        (change.kind, change.before.pointer, change.after.pointer) for change in compare_contracts(one, other).changes
    }
    back = {
        (change.kind, change.after.pointer, change.before.pointer) for change in compare_contracts(other, one).changes
    }
    assert {(BACK[kind], before, after) for kind, before, after in there if kind in BACK} == {
        (kind, before, after) for kind, before, after in back if kind in BACK.values()
    }


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30))
@few
def test_whatever_stands_in_a_document_it_is_compared(value: object) -> None:
    for name in ("paths", "components", "webhooks", "servers", "security", "info"):
        assert compare_contracts({"openapi": "3.1.0", name: value}, {"openapi": "3.1.0"}).counts


def graph(size: int, **more: object) -> dict[str, Any]:
    """A document in which every schema refers to every one."""
    references = {f"p{n}": {"$ref": f"#/components/schemas/S{n}"} for n in range(size)}
    schemas = {f"S{n}": {"type": "object", "properties": references, **more} for n in range(size)}
    media = {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}
    paths = {"/a": {"get": {"responses": {"200": {"content": media}}}}}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


def test_the_work_is_bounded_and_what_was_not_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "WORK_AT_MOST", 310_000)
    whole = compare_contracts(graph(30), graph(30, minProperties=1))
    assert (whole.skipped, len(whole.changes)) == ((), 30)
    cut = compare_contracts(graph(200), graph(200, minProperties=1))
    assert cut.skipped
    assert 0 < len(cut.changes) < 200
    assert cut == compare_contracts(graph(200), graph(200, minProperties=1))


def test_an_answer_that_many_operations_refer_to_is_one_change() -> None:
    got = "get: { responses: { '200': { $ref: '#/components/responses/R' } } }"
    paths = "".join(f"  /p{n}: {{ {got} }}\n" for n in range(300))
    source = f"openapi: 3.1.0\npaths:\n{paths}components: {{ responses: {{ R: {{ content: {{ a/json: {{}} }} }} }} }}\n"
    (change,) = compare_texts(source, source.replace("a/json: {}", "")).changes
    assert (change.kind, len(change.operations)) == ("media-type-removed", 300)
