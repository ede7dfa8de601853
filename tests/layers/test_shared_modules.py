"""What tests share stands in modules of its own: a test module that others import is hard to split or to rename."""

from __future__ import annotations

import re
from pathlib import Path

from apim.up.options import ROOT

IMPORT = re.compile(r"^(?:from|import) (tests\.(?:\w+\.)*test_\w+)", re.MULTILINE)


def test_no_test_module_is_imported_by_another() -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for folder in ("tests", "benchmarks", "script")
        for path in Path(ROOT / folder).rglob("*.py")
        for name in IMPORT.findall(path.read_text())
    }
    assert found == set()
