"""script/test looks for a tier in some folders only: what is marked elsewhere would never be run."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from apim.up.options import ROOT

TIERS = {"product": ("WHOLE", "FAULTS"), "fault": ("FAULTS",), "postgresql": ("CORE",)}


@pytest.fixture
def testing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What runs the tiers."""
    monkeypatch.syspath_prepend(str(ROOT / "script"))
    return importlib.import_module("tooling.testing")


@pytest.mark.parametrize("mark", TIERS)
def test_every_test_of_a_tier_is_where_the_tier_is_looked_for(mark: str, testing: ModuleType) -> None:
    folders = tuple(ROOT / folder for name in TIERS[mark] for folder in getattr(testing, name))
    marked = [
        path for path in Path(ROOT / "tests").rglob("*.py") if re.search(rf"pytest\.mark\.{mark}\b", path.read_text())
    ]
    assert marked
    assert [path for path in marked if not any(folder in path.parents for folder in folders)] == []
