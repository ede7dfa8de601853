"""The compiled copy is found for exactly its sources, and behaves as they do."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool that makes the copy."""
    monkeypatch.syspath_prepend(str(ROOT / "script"))
    return importlib.import_module("tooling.compiling")


def test_no_compiled_function_gives_one_name_to_exceptions_of_two_kinds(compiling: ModuleType) -> None:
    """Compiled, the name has the type of the first one; any other raises a TypeError in place of being handled."""
    found = []
    for path in compiling.modules_of(compiled.PACKAGE):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            kinds: defaultdict[str, set[str]] = defaultdict(set)
            for handler in ast.walk(function):
                if isinstance(handler, ast.ExceptHandler) and handler.name and handler.type:
                    kinds[handler.name].add(ast.unparse(handler.type))
            found += [f"{path.name} {function.name} {name}" for name, of in kinds.items() if len(of) > 1]
    assert found == []


def test_what_a_killed_compilation_left_goes_with_the_next_one(tmp_path: Path, compiling: ModuleType) -> None:
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


def _run(tests: str, **variables: str) -> None:
    """The tests of a suite, as they run in CI. Errors: AssertionError with the end of what is told."""
    marks = "not slow and not browser and not product and not fault"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", marks, *SUITES[tests]],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != compiled.VARIABLE} | variables,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-1000:]


@pytest.mark.slow
def test_compiled_modules_pass_the_tests_that_import_them(made: str, tmp_path: Path) -> None:
    options = f"-p tests.gateway_sync.on_compiled_copy -o 'pythonpath={made} .'"
    _run("core", PYTHONPATH=made, PYTHONSAFEPATH="1", PYTEST_ADDOPTS=options, APIM_HOME=str(tmp_path))


@pytest.mark.slow
def test_gateway_whose_workers_run_the_copy_passes_the_tests_on_the_wire(made: str, tmp_path: Path) -> None:
    assert list(Path(made).glob("gateway_sync/runtime/client.*.so"))
    _run("wire", APIM_COMPILED="must", APIM_HOME=str(tmp_path))
