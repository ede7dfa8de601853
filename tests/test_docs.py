"""The documents: what is generated is current, and what they link to is there."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from apim.config.env import ROOT

PAGES = sorted(
    Path(line)
    for line in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
)  # fmt: skip
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments that the headings of a page give."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_references_are_what_script_docs_writes(tmp_path: Path) -> None:
    subprocess.run([ROOT / "script" / "docs", tmp_path], check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").iterdir()}
    assert written.keys() == kept.keys()
    assert [name for name in written if written[name] != kept[name]] == [], "run script/docs"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", (ROOT / page).read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = unquote(link).partition("#")
        file = (ROOT / page).parent / target if target else ROOT / page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    ("index", "folders"),
    [("README.md", ("docs/tutorial", "docs/howto", "docs/explain")), ("docs/adr/README.md", ("docs/adr",))],
)
def test_every_page_is_in_its_index(index: str, folders: tuple[str, ...]) -> None:
    linked = {(ROOT / index).parent / link for link in _LINK.findall((ROOT / index).read_text())}
    pages = [page for page in PAGES if str(page.parent) in folders and str(page) != index]
    assert [str(page) for page in pages if ROOT / page not in linked] == []


@pytest.fixture
def promises(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What script/test --promise reads."""
    monkeypatch.syspath_prepend(str(ROOT / "script"))
    return importlib.import_module("tooling.promises")


def test_tests_that_hold_a_promise_exist_and_cite_it(promises: ModuleType) -> None:
    wrong = []
    for held in promises.held():
        files = [ROOT / name for name in held.files]
        text = "".join(file.read_text() if file.exists() else "" for file in files)
        wrong += [str(file) for file in files if not file.exists()]
        wrong += [name for name in held.names if f"def {name}(" not in text]
        for number in held.promises:
            wrong += [
                f"{file.relative_to(ROOT)} does not cite {number}"
                for file in files
                if file.exists() and not re.search(rf"\b{number}\b", file.read_text())
            ]
    assert wrong == []


def test_every_promise_says_what_holds_it(promises: ModuleType) -> None:
    """By a test, by a figure that the page has elsewhere, or by nothing: that is said as well."""
    said = {number for held in promises.held() for number in held.promises}
    assert [number for number in promises.stated() if number not in said] == []


_ROW = re.compile(r"^\| ([RBC]\d+) \|(.*)\|$", re.MULTILINE)
_TEST = re.compile(r"\]\(\.\./\.\./(tests/[^)]+\.py)\)|`script/bench ")
_MEASURED = re.compile(r"\d|not measured")


def test_every_promise_says_in_its_row_how_it_is_tested_and_what_was_measured_last(promises: ModuleType) -> None:
    """Or that nothing tests it, or that it was not measured: no row is silent."""
    wrong = []
    for number, row in _ROW.findall(promises.PAGE.read_text()):
        cells = [cell.strip() for cell in row.split(" | ")]
        if len(cells) != len(("promise", "tested by", "measured last")):
            wrong.append(f"{number} has {len(cells)} cells")
        elif not (_TEST.search(cells[1]) or cells[1] == "nothing") or not _MEASURED.search(cells[2]):
            wrong.append(f"{number} does not say: {cells[1:]}")
    assert wrong == []


@pytest.mark.parametrize("number", [f"R{number}" for number in range(1, 18)])
def test_the_tests_of_a_reliability_promise_can_be_run_by_its_name(promises: ModuleType, number: str) -> None:
    assert promises.files([number])
