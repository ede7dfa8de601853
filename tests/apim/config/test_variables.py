"""The table of variables is what the launcher, the control plane and the command line read."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from apim.config.env import ROOT, read_env
from apim.config.variables import SECTIONS
from apim.up.options import read_options

DEFAULTS = {each.name: each.default.strip("`") for _, variables in SECTIONS for each in variables}


def names_read(folder: str) -> set[str]:
    """The names of variables that stand as strings of their own in the code of a package."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        if path == ROOT / "apim" / "config" / "variables.py":
            continue
        for node in ast.walk(ast.parse(Path(path).read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if text in {"DATABASE_URL", "REDIS_URL"} or (text.startswith(("APIM_", "OTEL_")) and text.isupper()):
                found.add(text)
    return found


def test_the_table_lists_every_variable_that_is_read_and_no_other() -> None:
    assert set(DEFAULTS) == {name for folder in ("apim", "gateway_sync", "portal") for name in names_read(folder)}


def test_the_documented_defaults_are_those_of_the_launcher_and_the_control_plane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    env, options = read_env(), read_options([], {})
    for name, number in {
        "APIM_WEB_PORT": (env.web_port, options.web_port),
        "APIM_GATEWAY_PORT": (env.gateway_port, options.gateway_port),
        "APIM_GATEWAY_ADMIN_PORT": (env.gateway_admin_port, options.gateway_admin_port),
    }.items():
        assert number == (int(DEFAULTS[name]),) * 2
    assert str(options.example_port) == DEFAULTS["APIM_EXAMPLE_PORT"]
    assert str(read_options(["--with-test-stripe"], {}).stripe_port) == DEFAULTS["APIM_STRIPE_PORT"]
    assert options.bind == DEFAULTS["APIM_BIND"]
    assert ",".join(env.allowed_hosts) == DEFAULTS["APIM_ALLOWED_HOSTS"]
    assert env.home == options.home == ROOT / "var"
    assert env.keys_file == env.home / "keys" / "keys.json"
    assert env.base_url == f"http://127.0.0.1:{env.web_port}"
    assert options.gateway_workers == os.cpu_count()
