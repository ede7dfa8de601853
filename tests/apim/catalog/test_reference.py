"""The API reference: what readers see of an operation, and calls that they can copy.

Promises H32.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from apim.catalog.reference import OperationDetail, build_reference, outline_reference, samples_for
from apim.catalog.schemas import ROWS_AT_MOST, SchemaReader
from tests.factories.catalog import openapi

EXAMPLES = Path(__file__).parents[3] / "examples" / "bank" / "openapi"
ACCOUNTS = (EXAMPLES / "accounts-v1.yaml").read_text()
TRADING = (EXAMPLES / "trading-v1.yaml").read_text()


def detail(text: str, name: str) -> OperationDetail:
    """One operation of a document."""
    reference = build_reference(text)
    return next(reference.detail(one) for group in reference.groups for one in group.entries if one.name == name)


def test_operations_stand_under_their_tags_in_order() -> None:
    reference = build_reference(ACCOUNTS)
    assert (reference.title, reference.version) == ("Bank API", "1.0")
    assert [(group.name, len(group.entries)) for group in reference.groups] == [("Accounts", 3), ("Transfers", 2)]
    entry = reference.entry("listAccounts")
    assert entry is not None
    assert (entry.name, entry.summary) == ("GET /accounts", "List accounts")
    assert reference.entry("nope") is None


def test_parameters_of_path_and_operation_are_one_list() -> None:
    parameters = detail(ACCOUNTS, "GET /accounts/{id}/transactions").parameters
    assert [(one.name, one.location, one.is_required, one.type) for one in parameters] == [
        ("id", "path", True, "string"),
        ("since", "query", False, "string (date)"),
        ("limit", "query", False, "integer"),
    ]
    assert parameters[2].rules == ("at least 1", "at most 100", "default 20")
    assert parameters[1].example == "2026-10-01"


def test_a_placeholder_that_nobody_declared_is_a_parameter() -> None:
    (parameter,) = detail(openapi("  /a/{id}:\n    get: {}"), "GET /a/{id}").parameters
    assert (parameter.name, parameter.location, parameter.is_required) == ("id", "path", True)


def test_a_body_is_rows_and_an_example() -> None:
    operation = detail(ACCOUNTS, "POST /transfers")
    assert operation.body is not None
    assert operation.body.is_required
    (content,) = operation.body.contents
    assert [(row.depth, row.name, row.type, row.is_required) for row in content.rows] == [
        (0, "", "NewTransfer", False),
        (1, "from", "string", True),
        (1, "to", "string", True),
        (1, "amount", "string", True),
        (1, "text", "string", False),
    ]
    assert json.loads(content.example) == {"from": "acc-1", "to": "acc-2", "amount": "120.50", "text": "Rent November"}


def test_all_of_is_folded_and_answers_are_listed() -> None:
    answers = detail(ACCOUNTS, "POST /transfers").answers
    assert [answer.status for answer in answers] == ["201", "400", "404", "409"]
    names = [row.name for row in answers[0].contents[0].rows]
    assert names == ["", "from", "to", "amount", "text", "id", "status", "created_at"]


def test_types_of_3_1_and_3_0_read_alike() -> None:
    rows = {row.name: row for row in detail(TRADING, "GET /orders/{id}").answers[0].contents[0].rows}
    assert rows["filled_at"].type == "string (date-time) or null"
    assert rows["limit"].type == "string or null"
    reader = SchemaReader({})
    assert reader.type_of({"type": "string", "nullable": True}) == "string or null"
    assert reader.type_of({"type": ["integer", "string"]}) == "integer or string"
    assert (
        reader.type_of({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}})
        == "array of array of integer"
    )
    assert reader.rules_of({"exclusiveMinimum": 3}) == ("above 3",)
    assert reader.rules_of({"minimum": 3, "exclusiveMinimum": True}) == ("at least 3", "the bound itself excluded")


def test_cycles_are_cut_and_said_so() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "id": {"type": "integer"}}}
    reader = SchemaReader({"components": {"schemas": {"Node": node}}})
    rows = reader.rows({"$ref": "#/components/schemas/Node"})
    assert [(row.depth, row.name, row.note) for row in rows] == [
        (0, "", ""),
        (1, "next", "As Node above."),
        (1, "id", ""),
    ]
    assert reader.example({"$ref": "#/components/schemas/Node"}) == {"next": {}, "id": 1}


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}},
        {"A": {"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object"}]}},
        {"A": {"allOf": [{"$ref": "#/components/schemas/B"}]}, "B": {"allOf": [{"$ref": "#/components/schemas/A"}]}},
        {"A": {"oneOf": [{"$ref": "#/components/schemas/A"}]}},
        {
            "A": {
                "anyOf": [
                    {"$ref": "#/components/schemas/A"},
                    {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
                ]
            }
        },
        {"A": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}},
        {"A": {"additionalProperties": {"$ref": "#/components/schemas/A"}}},
        {"A": 7},
        {"A": {"type": 7, "properties": [], "required": "id", "enum": 3, "allOf": {}, "examples": {}, "format": []}},
        {"A": {"$ref": "#/nowhere"}},
        {"A": True},
    ],
)
def test_schemas_that_go_in_circles_or_are_broken_end(schemas: dict[str, object]) -> None:
    reader = SchemaReader({"components": {"schemas": schemas}})
    root = {"$ref": "#/components/schemas/A"}
    assert len(reader.rows(root)) < 50
    json.dumps(reader.example(root))
    assert reader.type_of(root)


def test_a_schema_without_end_is_bounded() -> None:
    names = [f"S{number}" for number in range(30)]
    wide = {
        name: {"type": "object", "properties": {other: {"$ref": f"#/components/schemas/{other}"} for other in names}}
        for name in names
    }
    reader = SchemaReader({"components": {"schemas": wide}})
    assert len(reader.rows({"$ref": "#/components/schemas/S0"})) == ROWS_AT_MOST + 1
    assert len(json.dumps(reader.example({"$ref": "#/components/schemas/S0"}))) < 200_000


def test_a_version_without_a_document_has_a_reference_too() -> None:
    operation = {
        "method": "GET",
        "path": "/a/{id}",
        "operation_id": "",
        "summary": "Read",
        "tags": [],
        "deprecated": False,
    }
    reference = outline_reference("Blank", [operation])  # type: ignore[list-item]
    (entry,) = reference.groups[0].entries
    assert (entry.anchor, entry.summary) == ("GET-a-id", "Read")
    assert [one.name for one in reference.detail(entry).parameters] == ["id"]


def test_anchors_are_unique() -> None:
    sound = "{operationId: same, responses: {'200': {description: ok}}}"
    reference = build_reference(openapi(f"  /a:\n    get: {sound}\n    put: {sound}\n  /b:\n    get: {sound}"))
    assert [entry.anchor for group in reference.groups for entry in group.entries] == ["same", "same-2", "same-3"]


def test_what_cannot_be_read_has_an_empty_reference() -> None:
    assert build_reference("[").groups == ()


def samples(text: str, name: str) -> dict[str, str]:
    """The calls of an operation by language."""
    listed = samples_for(detail(text, name), base_url="http://gw/bank/v1/", key_header="X-API-Key", key="YOUR_KEY")
    return {sample.language: sample.code for sample in listed}


def test_samples_carry_path_key_and_body() -> None:
    curl = samples(ACCOUNTS, "GET /accounts/{id}")["curl"]
    assert curl == "curl http://gw/bank/v1/accounts/acc-1 \\\n  -H 'X-API-Key: YOUR_KEY'"
    code = samples(ACCOUNTS, "POST /transfers")
    assert "curl -X POST http://gw/bank/v1/transfers" in code["curl"]
    assert '"amount": "120.50"' in code["curl"]
    compile(code["Python"], "sample", "exec")
    assert "JSON.stringify" in code["JavaScript"]


def test_samples_of_a_hostile_document_stay_text(tmp_path: Path) -> None:
    evil = "'; touch $(echo owned) `id` \\\\ \\\" ${x}"
    body = f'{{content: {{application/json: {{example: {{a: "{evil}", b: [1, null, true]}}}}}}}}'
    code = samples(openapi(f"  /a:\n    post: {{requestBody: {body}}}"), "POST /a")
    compile(code["Python"], "sample", "exec")
    shell = shutil.which("sh")
    assert shell
    script = code["curl"].replace("curl", "printf '%s\\n'", 1)
    printed = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "touch $(echo owned)" in printed
    assert list(tmp_path.iterdir()) == []
