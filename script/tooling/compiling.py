"""Compiles the gateway's hot path with mypyc into a copy of the package beside the sources."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tooling import environment

# What a request passes through; with_relatives adds the modules of bases and subclasses.
MODULES = (
    "messages.py",
    "policies/rate_limit.py",
    "runtime/core/*.py",
    "runtime/accounting.py",
    "runtime/answer_stepping.py",
    "runtime/attempts.py",
    "runtime/client.py",
    "runtime/dispatch.py",
    "runtime/edge_connection.py",
    "runtime/exchange.py",
    "runtime/limit_cells.py",
    "runtime/pooled.py",
    "runtime/pooled_try.py",
    "runtime/serving.py",
    "runtime/shedding.py",
    "runtime/spool.py",
    "runtime/spool_format.py",
    "runtime/stats.py",
    "runtime/stepping.py",
    "runtime/usage_cells.py",
    "runtime/upgrade.py",
    "runtime/upstream.py",
    "runtime/upstream_pool.py",
)
_SETTINGS = "[mypy]\npython_version = 3.11\nstrict = True\nwarn_unused_ignores = False\nwarn_unused_configs = False\n"


def compile_gateway() -> Path:
    """Where the compiled copy is; made unless it is there already. Ends the process with a sentence when that fails."""
    sys.path.insert(0, str(environment.ROOT))
    from gateway_sync.runtime import compiled  # noqa: PLC0415 - only now are the dependencies installed

    target = compiled.FOLDER / compiled.sources_digest()
    if (target / "complete").exists():
        return target
    _check_tools()
    compiled.FOLDER.mkdir(exist_ok=True)
    remove_left_over(compiled.FOLDER)
    with tempfile.TemporaryDirectory(dir=compiled.FOLDER, prefix=f"building-{os.getpid()}-") as folder:
        building = Path(folder) / "copy"
        _build(compiled.PACKAGE, building)
        for other in compiled.FOLDER.glob("*/complete"):
            shutil.rmtree(other.parent)  # of older sources: nobody will ask for them again
        building.rename(target)
    return target


def remove_left_over(folder: Path) -> None:
    """Remove what compilations that were killed left behind; those of processes that live are let alone."""
    for left in folder.glob("building-*"):
        process = left.name.split("-")[1]
        if not (process.isdecimal() and Path("/proc", process).exists()):
            shutil.rmtree(left, ignore_errors=True)


def modules_of(package: Path) -> set[Path]:
    """The modules of a package that are compiled."""
    chosen = {path for pattern in MODULES for path in package.glob(pattern)}
    return with_relatives({path for path in chosen if path.name != "__init__.py"}, package)


def with_relatives(chosen: set[Path], package: Path) -> set[Path]:
    """The modules, and those whose classes are bases or subclasses of theirs: mypyc wants all of a family or none."""
    classes = [
        (path, node.name, {base.id for base in node.bases if isinstance(base, ast.Name)})
        for path in package.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    while True:
        named = {name for path, name, _ in classes if path in chosen}
        wanted = {base for path, _, bases in classes if path in chosen for base in bases}
        more = {path for path, name, bases in classes if name in wanted or bases & named} - chosen
        if not more:
            return chosen
        chosen = chosen | more


def _check_tools() -> None:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        environment.refuse(f"A C compiler is needed, and there is no {compiler} (Debian: apt install gcc libc6-dev).")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        environment.refuse("The headers of this Python are missing (Debian: apt install python3-dev).")


def _build(package: Path, building: Path) -> None:
    shutil.copytree(package, building / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    (building / "mypy.ini").write_text(_SETTINGS)
    modules = modules_of(building / package.name)
    ended = subprocess.run(
        [sys.executable, "-m", "mypyc", *sorted(str(path.relative_to(building)) for path in modules)],
        cwd=building, capture_output=True, text=True, check=False, env={**os.environ, "MYPYC_OPT_LEVEL": "3"},
    )  # fmt: skip
    if ended.returncode != 0:
        print((ended.stdout + ended.stderr)[-4000:], file=sys.stderr)
        environment.refuse("mypyc could not compile the gateway; its last words are above.")
    for left_over in (building / "build", building / ".mypy_cache", building / "mypy.ini"):
        shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink(missing_ok=True)
    (building / "complete").touch()
