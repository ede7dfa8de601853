"""`apim lint`: OpenAPI documents judged without a control plane."""

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
    assert {"rule": "operation-id", "severity": "warning", "pointer": "/paths/~1accounts/get", "line": 5} in [
        {name: value for name, value in each.items() if name != "message"} for each in told["findings"]
    ]


def test_a_document_comes_by_standard_input_and_no_server_is_asked(bare: Run) -> None:
    done = bare("lint", "-", "-o", "json", input=FAULTY)
    assert (done.returncode, json.loads(done.stdout)["document"]) == (1, "-")


def test_an_address_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "https://example.com/openapi.yaml"]) == 1
    assert "Fetch it first" in capsys.readouterr().err
