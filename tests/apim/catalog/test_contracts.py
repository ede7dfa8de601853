"""What gateways get of a document."""

from __future__ import annotations

import json

from apim.catalog.contracts import contract_of
from gateway_sync.policies.contracts import AnswerContract, OperationContract

DOCUMENT = """
openapi: {version}
info: {{ title: Bank, version: "1" }}
paths:
  /accounts/{{id}}:
    parameters:
      - {{ name: id, in: path, required: true, schema: {{ type: integer }} }}
    put:
      parameters:
        - {{ name: tags, in: query, explode: false, schema: {{ type: array, items: {{ type: string }} }} }}
        - {{ name: filter, in: query, style: deepObject, schema: {{ type: object }} }}
        - {{ name: Accept, in: header, schema: {{ type: string }} }}
      requestBody:
        required: true
        content:
          application/json: {{ schema: {{ $ref: "#/components/schemas/Account" }} }}
          text/csv: {{ schema: {{ type: string }} }}
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: {{ $ref: "#/components/schemas/Account" }}
              examples:
                rich: {{ value: {{ balance: 12.5 }} }}
                poor: {{ $ref: "#/components/examples/Poor" }}
        "204": {{ description: gone }}
        4XX:
          description: wrong
          content: {{ application/json: {{ schema: {{ type: object, properties: {{ code: {{ type: string }} }} }} }} }}
        default: {{ description: else }}
components:
  examples:
    Poor: {{ value: {{ balance: 0 }} }}
  schemas:
    Account:
      type: object
      required: [id, balance]
      properties:
        id: {{ type: string, readOnly: true }}
        balance: {{ type: number, minimum: 0, exclusiveMinimum: true, nullable: true }}
        parent: {{ $ref: "#/components/schemas/Account" }}
"""


def operation(version: str = "3.0.3") -> OperationContract:
    contract = contract_of(DOCUMENT.format(version=version))
    return dict(contract.operations)["PUT /accounts/{id}"]


def test_parameters_are_read_by_their_type_and_style() -> None:
    found = {each.name: (each.location, each.is_required, each.type) for each in operation().parameters}
    assert found == {
        "id": ("path", True, "integer"),
        "tags": ("query", False, "array:string"),
        "filter": ("query", False, ""),
    }


def test_schemas_become_json_schema_and_may_name_themselves() -> None:
    contract = contract_of(DOCUMENT.format(version="3.0.3"))
    assert operation().bodies == (("application/json", '{"$ref":"#/$defs/Account"}'), ("text/csv", ""))
    account = json.loads(dict(contract.definitions)["Account"])
    assert account["required"] == ["balance"]
    assert account["properties"]["balance"] == {"type": ["number", "null"], "exclusiveMinimum": 0}
    assert account["properties"]["parent"] == {"$ref": "#/$defs/Account"}


def test_words_of_3_1_stay_as_they_are() -> None:
    contract = contract_of(DOCUMENT.format(version="3.1.0"))
    account = json.loads(dict(contract.definitions)["Account"])
    assert account["properties"]["balance"]["nullable"] is True


def test_answers_are_the_examples_or_made_from_the_schema() -> None:
    assert operation().answers == (
        AnswerContract(200, "application/json", '{"balance": 12.5}', "rich"),
        AnswerContract(200, "application/json", '{"balance": 0}', "poor"),
        AnswerContract(204),
        AnswerContract(400, "application/json", '{"code": "string"}'),
    )


def test_a_text_that_is_no_document_has_an_empty_contract() -> None:
    assert contract_of("{").operations == ()
