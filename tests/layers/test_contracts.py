"""Contracts that forbid a list: a module that is new in apim is forbidden too, until somebody allows it here."""

from __future__ import annotations

import tomllib

import pytest

from apim.up.options import ROOT

ALLOWED = {
    "The command line and the launcher stand apart": {"advice", "backups", "cli", "openapi", "pricing", "up"},
    "The design system knows Django and the errors it shows": {"errors", "listing", "pricing", "ui"},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_all_but_what_is_allowed_is_forbidden(name: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (forbidden,) = (set(contract["forbidden_modules"]) for contract in contracts if contract["name"] == name)
    modules = {
        path.stem for path in (ROOT / "apim").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert forbidden >= {f"apim.{module}" for module in modules - ALLOWED[name] - {"__init__"}}
