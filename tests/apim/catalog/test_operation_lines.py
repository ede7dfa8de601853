"""Where operations begin: in blocks, flows and JSON, and which of them a line is in."""

from __future__ import annotations

import json

import pytest

from apim.catalog.operation_lines import OperationLines, operation_lines

BLOCKS = """\
openapi: 3.1.0
info: {title: Bank, version: '1'}
paths:
  # a comment, and a key in a text
  /accounts:
    parameters: []
    get:
      description: |
        paths:
          /no:
            get: this is text
      responses: {}
    post: {responses: {}}

  "/cards/{id}":
    delete:
      responses: {}
components: {}
"""
NAMES = (("GET", "/accounts"), ("POST", "/accounts"), ("DELETE", "/cards/{id}"))


def test_the_first_of_a_path_begins_where_its_path_does_and_others_at_their_method() -> None:
    assert operation_lines(BLOCKS, "yaml", NAMES) == OperationLines((5, 13, 15), 18)


def test_json_and_flows_are_walked_through() -> None:
    value = {"openapi": "3.1.0", "paths": {"/accounts": {"get": {}, "post": {}}, "/cards/{id}": {"delete": {}}}, "x": 1}
    assert operation_lines(json.dumps(value, indent=1), "json", NAMES) == OperationLines((4, 6, 8), 12)
    flow = "openapi: 3.1.0\npaths: {/accounts: {get: {},\n post: {}},\n '/cards/{id}': {delete: {}}}\ninfo: {}\n"
    assert operation_lines(flow, "yaml", NAMES) == OperationLines((2, 3, 4), 5)


def test_an_operation_behind_a_reference_begins_at_its_path() -> None:
    text = "openapi: 3.1.0\npaths:\n  /accounts:\n    $ref: '#/components/pathItems/a'\n"
    assert operation_lines(text, "yaml", NAMES[:1]).starts == (3,)


def test_a_text_whose_lines_nobody_knows_costs_no_more_than_that() -> None:
    assert operation_lines("a: [", "yaml", NAMES).starts == (0, 0, 0)


@pytest.mark.parametrize(("line", "number"), [(1, -1), (4, -1), (5, 0), (12, 0), (13, 1), (14, 1), (17, 2), (18, None)])
def test_a_line_is_in_the_operation_that_began_last(line: int, number: int | None) -> None:
    assert operation_lines(BLOCKS, "yaml", NAMES).at(line) == number
