"""The virtual environment: made, and filled from a lock file, only when something changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"  # everything in RUN_LOCK and the tools
MIN_PYTHON = (3, 11)
_PROGRESS_EVERY = 10


def ensure(lock: Path) -> None:
    """Make the environment hold what lock names; ends the process with one sentence when that fails."""
    if sys.version_info < MIN_PYTHON:
        refuse(
            "Python 3.11 or newer is needed, and this is Python %d.%d.%d; use a newer python3." % sys.version_info[:3]
        )
    _ensure_venv()
    digest = _digest(lock)
    if _is_installed(lock, digest):
        return
    print("Installing the locked dependencies into .venv (once; about a minute)", file=sys.stderr, flush=True)
    _install(lock)
    stamps = {lock} | ({RUN_LOCK} if lock == DEV_LOCK else set())
    for each in stamps:
        _stamp(each).write_text(_digest(each))


def refuse(sentence: str) -> NoReturn:
    """End the process with one sentence."""
    print(f"{Path(sys.argv[0]).name}: {sentence}", file=sys.stderr)
    sys.exit(1)


def _ensure_venv() -> None:
    if _answers(PYTHON, "import pip, sys; sys.exit(sys.version_info < (3, 11))"):
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    print("Making the virtual environment .venv", file=sys.stderr, flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        if "ensurepip" in made.stdout + made.stderr:
            refuse("This Python has no venv package; install it (Debian: apt install python3-venv).")
        refuse(f"The virtual environment could not be made: {(made.stderr or made.stdout).strip().splitlines()[-1]}")


def _answers(python: Path, code: str) -> bool:
    return (
        python.exists() and subprocess.run([str(python), "-c", code], capture_output=True, check=False).returncode == 0
    )


def _digest(lock: Path) -> str:
    """Of everything that decides what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(lock: Path) -> Path:
    return VENV / f"{lock.name}.installed"


def _is_installed(lock: Path, digest: str) -> bool:
    return _stamp(lock).exists() and _stamp(lock).read_text() == digest


def _install(lock: Path) -> None:
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"]
    total = sum(1 for line in lock.read_text().splitlines() if "==" in line and " ; " not in line)
    _show(subprocess.Popen([*pip, "--require-hashes", "--requirement", str(lock)], **_PIPED), total)
    _show(subprocess.Popen([*pip, "--no-build-isolation", "--editable", str(ROOT)], **_PIPED), 0)


_PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def _show(pip: subprocess.Popen, total: int) -> None:
    """Follow pip with one line of progress."""
    is_terminal = sys.stderr.isatty()
    lines: list[str] = []
    count = 0
    for line in pip.stdout:
        lines.append(line.rstrip())
        if line.startswith("Installing collected packages"):
            print("\r  unpacking ...                                    ", file=sys.stderr, end="\n", flush=True)
        if not line.startswith("Collecting ") or not total:
            continue
        count = min(count + 1, total)  # lines with a condition that holds here are not in total
        name = line.split()[1].split("==")[0]
        if is_terminal:
            print(f"\r  {count}/{total} {name:<40}", file=sys.stderr, end="", flush=True)
        elif count % _PROGRESS_EVERY == 0:
            print(f"  {count}/{total}", file=sys.stderr, flush=True)
    if pip.wait() != 0:
        print("\n".join(lines[-15:]), file=sys.stderr)
        refuse("The dependencies could not be installed; pip's last words are above. Is a package index reachable?")
