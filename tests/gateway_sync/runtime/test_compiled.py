"""The compiled copy is found for exactly its sources, and behaves as they do."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apim.up.options import ROOT
from gateway_sync.runtime import compiled

# Of the wire those that pass through each compiled module; all of it twice would take as long as everything else.
WIRE = (
    "alike", "answer_policies", "bounds", "compositions", "contracts", "exchanges", "framing", "grpc", "http2", "jwt",
    "policies", "pools", "retries", "streaming", "tunnels", "upstream_faults", "websockets",
)  # fmt: skip
SUITES = {
    "core": ["tests/golden", "tests/gateway_sync/runtime"],
    "wire": [f"tests/wire/test_{name}.py" for name in WIRE],
}


@pytest.fixture(autouse=True)
def _undecided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    compiled.compiled_root.cache_clear()
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    monkeypatch.delenv(compiled.VARIABLE, raising=False)
    yield
    compiled.compiled_root.cache_clear()


def _have_copy(folder: Path) -> Path:
    root = folder / compiled.sources_digest()
    root.mkdir()
    (root / "complete").touch()
    return root


def test_sources_without_a_copy_run_as_they_are() -> None:
    assert compiled.compiled_root() is None
    assert compiled.worker_environment() == dict(os.environ)


def test_copy_of_the_sources_comes_before_them(tmp_path: Path) -> None:
    root = _have_copy(tmp_path)
    environment = compiled.worker_environment()
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(root)
    assert environment["PYTHONSAFEPATH"] == "1"  # else the folder that the gateway is started in would come first


def test_copy_can_be_left_aside_or_demanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.VARIABLE, "must")
    with pytest.raises(compiled.NotCompiled, match="script/compile"):
        compiled.compiled_root()
    _have_copy(tmp_path)
    monkeypatch.setenv(compiled.VARIABLE, "no")
    assert compiled.compiled_root() is None


def test_any_change_of_the_sources_makes_another_digest(tmp_path: Path) -> None:
    module = tmp_path / "package" / "module.py"
    module.parent.mkdir()
    digests = set()
    for text in ("A = 1\n", "A = 2\n"):
        module.write_text(text)
        digests.add(compiled.sources_digest(module.parent))
    module.rename(module.with_name("other.py"))
    digests.add(compiled.sources_digest(module.parent))
    assert len(digests) == 3


def test_what_a_killed_compilation_left_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "script"))
    compiling = importlib.import_module("tooling.compiling")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"building-{ended.pid}-abc", "building-abc", f"building-{os.getpid()}-abc"):
        (tmp_path / name / "copy").mkdir(parents=True)
    _have_copy(tmp_path)
    compiling.remove_left_over(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"building-{os.getpid()}-abc", compiled.sources_digest()}


@pytest.fixture(scope="module")
def made() -> str:
    """The folder of the compiled copy; made once, in a minute and a half."""
    ended = subprocess.run([ROOT / "script" / "compile"], capture_output=True, text=True, check=True)
    return ended.stdout.strip().rpartition(" ")[2]


@pytest.mark.slow
@pytest.mark.parametrize("tests", SUITES, ids=SUITES)
def test_compiled_gateway_passes_the_tests_of_the_gateway(made: str, tests: str, tmp_path: Path) -> None:
    environment = {**os.environ, compiled.VARIABLE: "must", "APIM_HOME": str(tmp_path)}
    where = subprocess.run(
        [sys.executable, "-c", "import gateway_sync.runtime.client as it; print(it.__file__)"],
        capture_output=True, text=True, check=True, cwd=made, env=environment,
    )  # fmt: skip
    assert where.stdout.strip().endswith(".so")
    marks = "not slow and not browser and not product and not fault"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", marks, "-o", f"pythonpath={made} .", *SUITES[tests]],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-4000:]
