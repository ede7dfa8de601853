"""`apim lint` and `apim diff`: OpenAPI documents judged and compared without a control plane."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apim.cli.main import run
from tests.apim.cli.conftest import Run

WARNED = "openapi: 3.1.0\ninfo: {title: Bank, version: '1'}\npaths:\n"
WARNED += "  /accounts:\n    get: {responses: {'200': {description: ok}}}\n"
FAULTY = WARNED.replace("{responses: {'200': {description: ok}}}", "{}")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.yaml"
    path.write_text(WARNED)
    return path


def test_findings_are_told_by_file_and_line(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(document), "-o", "table"]) == 0
    told = capsys.readouterr()
    assert (
        f"{document}:5: warning: Give GET /accounts an `operationId`, such as `listAccounts`. [operation-id]"
        in told.out
    )
    assert "of 100; 0 errors," in told.err


@pytest.mark.parametrize(
    ("source", "fail_on", "code"),
    [
        (WARNED, "error", 0), (WARNED, "warning", 1), (WARNED, "hint", 1), (WARNED, "never", 0),
        (FAULTY, "error", 1), (FAULTY, "never", 0), ("not a document", "error", 1),
    ],
    ids=["warned", "warned strictly", "warned by hints", "only told", "faulty", "faulty, only told", "no document"],
)  # fmt: skip
def test_the_exit_code_says_how_severe_it_is(
    document: Path, capsys: pytest.CaptureFixture[str], source: str, fail_on: str, code: int
) -> None:
    document.write_text(source)
    assert run(["lint", str(document), "--fail-on", fail_on]) == code


def test_programs_read_json(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(document), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["error"] == 0
    assert "docs/reference/lint-rules.md#operation-id" in [each["page"] for each in told["findings"]]
    assert {"rule": "operation-id", "severity": "warning", "pointer": "/paths/~1accounts/get", "line": 5} in [
        {name: value for name, value in each.items() if name in {"rule", "severity", "pointer", "line"}}
        for each in told["findings"]
    ]


def test_a_document_comes_by_standard_input_and_no_server_is_asked(bare: Run) -> None:
    done = bare("lint", "-", "-o", "json", input=FAULTY)
    assert (done.returncode, json.loads(done.stdout)["document"]) == (1, "-")


def test_an_address_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "https://example.com/openapi.yaml"]) == 1
    assert "Fetch it first" in capsys.readouterr().err


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "before.yaml").write_text(WARNED)
    (tmp_path / "after.yaml").write_text(WARNED.replace("/accounts", "/account"))
    return str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml")


def test_what_breaks_is_told_first_and_ends_with_1(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", *pair, "-o", "table"]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"{pair[0]}:5: breaking: GET /accounts is removed. (GET /accounts) [operation-removed]",
        f"{pair[1]}:5: safe: GET /account is new. (GET /account) [operation-added]",
    ]
    assert told.err == "1 breaking, 1 safe, 0 of words alone.\n"


def test_what_is_safe_ends_with_0(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", pair[0], pair[0]]) == 0
    Path(pair[1]).write_text(WARNED + "  /more: { get: { responses: { '200': { description: ok } } } }\n")
    assert run(["diff", *pair, "-o", "table"]) == 0
    capsys.readouterr()
    assert run(["diff", *pair, "--breaking", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


@pytest.mark.parametrize("other", ["", "swagger: '2.0'", "a: ["], ids=["empty", "swagger", "broken"])
def test_what_cannot_be_compared_is_said(pair: tuple[str, str], capsys: pytest.CaptureFixture[str], other: str) -> None:
    Path(pair[1]).write_text(other)
    assert run(["diff", *pair]) == 1
    assert capsys.readouterr().err.startswith("apim: ")
