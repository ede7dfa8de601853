# ruff: noqa: E501 - documents are written in one piece
"""Reading OpenAPI documents: what is kept, what is reported, and where.

Promises H32.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from apim.catalog.openapi import Document, DocumentProblem, parse_document
from tests.factories.catalog import openapi


def problem(document: Document) -> DocumentProblem:
    """The only problem."""
    (only,) = document.problems
    return only


def names(document: Document) -> list[str]:
    """The operations in short."""
    return [f"{one['method']} {one['path']}" for one in document.operations]


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0", "3.1.1"])
def test_a_sound_document_has_its_operations_and_no_problems(version: str) -> None:
    document = parse_document(openapi(version=version))
    assert names(document) == ["GET /accounts"]
    assert document.problems == ()
    assert (document.title, document.format) == ("Bank", "yaml")


def test_json_is_read_as_json() -> None:
    value = {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "paths": {"/a": {"get": {"responses": {"200": {}}}}},
    }
    document = parse_document(json.dumps(value))
    assert (document.format, names(document), document.problems) == ("json", ["GET /a"], ())


def test_yaml_is_version_1_2() -> None:
    document = parse_document(
        openapi("  /no:\n    get: {summary: no, tags: [yes, 1:30], responses: {200: {description: ok}}}")
    )
    assert document.operations[0]["summary"] == "no"
    assert document.operations[0]["tags"] == ["yes", "1:30"]


def test_one_broken_operation_does_not_lose_the_others() -> None:
    text = openapi(
        "  /a:\n    get: {responses: {'200': {description: ok}}}\n    post: 7\n  /b:\n    get: {responses: {'200': {description: ok}}}"
    )
    document = parse_document(text)
    assert names(document) == ["GET /a", "GET /b"]
    assert problem(document) == DocumentProblem(
        "/paths/~1a/post", 6, "The operation POST /a is not a mapping.", "error"
    )


@pytest.mark.parametrize(
    ("paths", "pointer", "line", "part"),
    [
        ("  no-slash: {}", "/paths/no-slash", 4, "starts with a slash"),
        ("  /a b: {}", "/paths/~1a b", 4, "no spaces"),
        ("  /a/{id: {}", "/paths/~1a~1{id", 4, "braces"),
        ("  /a/../b: {}", "/paths/~1a~1..~1b", 4, "segments"),
        ("  /a: [1]", "/paths/~1a", 4, "not a mapping"),
        ("  /a:\n    GET: {}", "/paths/~1a/GET", 5, "is not a method"),
        ("  /a:\n    $ref: '#/components/pathItems/a'", "/paths/~1a/$ref", 5, "leads nowhere"),
        ("  /a:\n    $ref: './other.yaml'", "/paths/~1a/$ref", 5, "is not fetched"),
        ("  /a:\n    $ref: '#/paths/~1a'", "/paths/~1a/$ref", 5, "circle"),
    ],
)
def test_a_broken_path_is_named_with_line_and_pointer(paths: str, pointer: str, line: int, part: str) -> None:
    text = openapi(f"{paths}\n  /sound:\n    get: {{responses: {{'200': {{description: ok}}}}}}")
    document = parse_document(text)
    assert (problem(document).pointer, problem(document).line, problem(document).severity) == (pointer, line, "error")
    assert part in problem(document).message
    assert names(document) == ["GET /sound"]


def test_the_line_is_right_in_json_too() -> None:
    value = {"openapi": "3.0.3", "info": {}, "paths": {"/\u00e4\n": {}, "/b": {"get": 3}}}
    document = parse_document("\n\n" + json.dumps(value, indent=1))
    lines = {one.pointer: one.line for one in document.problems}
    assert lines == {"/paths/~1\u00e4\n": 7, "/paths/~1b/get": 9}


def test_templates_of_one_shape_are_one_operation() -> None:
    text = openapi(
        "  /u/{id}:\n    get: {responses: {'200': {description: ok}}, parameters: [{name: id, in: path}]}\n  /u/{name}:\n    get: {responses: {'200': {}}}\n  /u/me:\n    get: {responses: {'200': {}}}"
    )
    document = parse_document(text)
    assert names(document) == ["GET /u/{id}", "GET /u/me"]
    assert "matches the same requests as GET /u/{id}" in problem(document).message


def test_a_path_item_behind_a_reference_counts() -> None:
    more = "components: {pathItems: {a: {get: {responses: {'200': {description: ok}}}}}}\n"
    document = parse_document(openapi("  /a: {$ref: '#/components/pathItems/a'}", more=more))
    assert (names(document), document.problems) == (["GET /a"], ())


def test_what_is_called_all_the_same_is_a_warning() -> None:
    document = parse_document(openapi("  /a/{id}:\n    get: {}"))
    assert names(document) == ["GET /a/{id}"]
    assert {one.severity for one in document.problems} == {"warning"}
    assert len(document.problems) == 2


def test_references_to_other_files_are_reported_and_never_fetched() -> None:
    schema = "{description: ok, content: {application/json: {schema: {$ref: 'https://example.com/pet.yaml'}}}}"
    document = parse_document(openapi(f"  /a:\n    get: {{responses: {{'200': {schema}}}}}"))
    assert names(document) == ["GET /a"]
    assert problem(document).pointer == "/paths/~1a/get/responses/200/content/application~1json/schema/$ref"
    assert "not fetched" in problem(document).message


@pytest.mark.parametrize(
    ("servers", "base_path", "server_url"),
    [
        ("[{url: https://api.example.com/v2/}]", "/v2", "https://api.example.com"),
        ("[{url: /base}]", "/base", ""),
        (
            "[{url: 'https://{region}.example.com/{v}', variables: {region: {default: eu}, v: {default: v3}}}]",
            "/v3",
            "https://eu.example.com",
        ),
        ("[]", "", ""),
        ("[{url: 'https://u:p@example.com'}]", "", ""),
    ],
)
def test_the_first_server_gives_base_path_and_address(servers: str, base_path: str, server_url: str) -> None:
    document = parse_document(openapi(more=f"servers: {servers}\n"))
    assert (document.base_path, document.server_url) == (base_path, server_url)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("", 0, "empty"),
        ("\ufeff  \n", 0, "empty"),
        ("a: [1,\nb: 2", 2, "not valid YAML"),
        ('{"openapi": "3.1.0",\n "paths": {,}}', 2, "not valid JSON"),
        ("swagger: '2.0'\npaths: {}", 1, "Swagger 2.0"),
        ("openapi: 4.0.0\npaths: {}", 1, "4.0.0"),
        ("openapi: 3.1\npaths: {}", 1, "3.1"),
        ("just text", 1, "not an OpenAPI document"),
        ("[1, 2]", 1, "not an OpenAPI document"),
        ("a: b\x00", 1, "control character"),
        ("ok: 1\nbad: \x1b", 2, "control character"),
        ("a: \ud800", 0, "UTF-8"),
        ("[" * 100_000, 0, "not valid|nested"),
        ("- " * 50_000, 1, "nested"),
        ("".join(f"\n{' ' * n}a:" for n in range(1000)), 202, "nested"),
        ("a0: &a0 [x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)), 8, "expand"),
    ],
)  # fmt: skip
def test_what_is_no_document_says_why(text: str, line: int, part: str) -> None:
    document = parse_document(text)
    assert not document.is_usable
    assert any(word in problem(document).message for word in part.split("|"))
    assert problem(document).line == line


def test_swagger_2_has_a_way_out() -> None:
    assert "Convert" in problem(parse_document('{"swagger": "2.0"}')).hint


def test_anchors_that_stay_small_are_fine() -> None:
    document = parse_document(openapi("  /a: &a\n    get: {responses: {'200': {description: ok}}}\n  /b: *a"))
    assert names(document) == ["GET /a", "GET /b"]


def test_a_document_above_the_size_limit_is_not_read() -> None:
    assert "bytes" in problem(parse_document("a" * (20 * 1024 * 1024 + 1))).message


def test_many_problems_are_counted_not_listed() -> None:
    document = parse_document(openapi("\n".join(f"  bad{number}: 1" for number in range(500))))
    assert len(document.problems) == 201
    assert "300 more" in document.problems[-1].message


def test_texts_that_a_database_refuses_are_cleaned() -> None:
    value = {"openapi": "3.0.3", "paths": {"/a": {"get": {"summary": "x\u0000y\ud800z", "responses": {"200": {}}}}}}
    assert parse_document(json.dumps(value)).operations[0]["summary"] == "xyz"


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "yaml"])
def test_thousands_of_operations_are_read(*, as_json: bool, record_property: Callable[[str, object], None]) -> None:
    paths = {
        f"/things-{number}/{{id}}": {
            method: {
                "responses": {"200": {"$ref": "#/components/responses/Ok"}},
                "parameters": [{"name": "id", "in": "path"}],
            }
            for method in ("get", "put", "delete")
        }
        for number in range(1500)
    } | {"broken": 1}
    value = {"openapi": "3.1.0", "paths": paths, "components": {"responses": {"Ok": {"description": "ok"}}}}
    text = json.dumps(value, indent=2)
    if not as_json:
        text = text.replace('"openapi"', "openapi", 1)
    started = time.perf_counter()
    document = parse_document(text)
    record_property("read_after_s", round(time.perf_counter() - started, 2))
    assert len(document.operations) == 4500
    assert problem(document).line == text[: text.index('"broken"')].count("\n") + 1


def test_a_path_written_twice_is_a_problem_with_both_lines_in_yaml() -> None:
    text = openapi(
        "  /a:\n    get: {responses: {'200': {description: ok}}}\n  /b:\n    get: {responses: {'200': {description: ok}}}\n"
        "  /a:\n    put: {responses: {'200': {description: ok}}}"
    )
    document = parse_document(text)
    first, last = (number for number, line in enumerate(text.splitlines(), 1) if line == "  /a:")
    assert sorted(names(document)) == ["GET /b", "PUT /a"]  # what the parser keeps
    assert problem(document) == DocumentProblem(
        "/paths/~1a",
        first,
        f"`/a` is written twice; what line {last} says is used, not line {first}.",
        "error",
        "Keep one of them.",
    )


def test_a_method_written_twice_is_a_problem_with_both_lines_in_json() -> None:
    text = (
        '{"openapi": "3.0.3", "info": {"title": "T", "version": "1"},\n "paths": {"/a\\u0062": {\n'
        '  "get": {"summary": "one", "responses": {"200": {}}},\n  "get": {"summary": "two", "responses": {"200": {}}}\n}}}'
    )
    document = parse_document(text)
    assert document.operations[0]["summary"] == "two"
    found = problem(document)
    assert (found.pointer, found.line, found.severity) == ("/paths/~1ab/get", 3, "error")
    assert "line 4" in found.message


def test_what_lies_in_a_mapping_that_is_written_twice_is_not_told_again() -> None:
    get = "get: {summary: x, responses: {'200': {description: ok}}}"
    document = parse_document(openapi(f"  /a:\n    {get}\n  /a:\n    {get}"))
    assert problem(document).pointer == "/paths/~1a"


def test_a_key_written_twice_on_one_line_is_found() -> None:
    text = '{"openapi": "3.0.3", "info": {"title": "T", "title": "U", "version": "1"}, "paths": {"/a": {"get": {"responses": {"200": {}}}}}}'
    assert problem(parse_document(text)).message == "`title` is written twice; the last one is used."


def test_servers_of_a_path_or_an_operation_are_said_to_be_left_out() -> None:
    servers = "servers: [{url: 'https://uploads.example.com'}]"
    responses = "responses: {'200': {description: ok}}"
    document = parse_document(
        openapi(f"  /a:\n    {servers}\n    get: {{{responses}}}\n  /b:\n    get: {{{servers}, {responses}}}")
    )
    assert {one.pointer: one.severity for one in document.problems} == {
        "/paths/~1a/servers": "warning",
        "/paths/~1b/get/servers": "warning",
    }
