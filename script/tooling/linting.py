"""The static checks, each a command of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile

from tooling.environment import PYTHON, ROOT

BIN = PYTHON.parent
CHECKS = (
    ("style", (BIN / "ruff", "check", ".")),
    ("format", (BIN / "ruff", "format", "--check", ".")),
    ("import contracts", (BIN / "lint-imports",)),
    ("migrations", (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run")),
    ("settings", (PYTHON, "manage.py", "check", "--fail-level", "WARNING")),
    ("types", (BIN / "mypy",)),
)
FIXES = ((BIN / "ruff", "check", "--fix", "--quiet", "."), (BIN / "ruff", "format", "--quiet", "."))


def main(*, is_fixing: bool) -> int:
    """Run every check, also after one failed; the exit code."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="apim-lint-") as home:
        environment = {**os.environ, "APIM_HOME": home}
        for fix in FIXES if is_fixing else ():
            subprocess.run(fix, cwd=ROOT, check=False)
        for name, command in CHECKS:
            print("-- " + name, flush=True)
            if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                failed.append(name)
    print("lint: " + ("failed: " + ", ".join(failed) if failed else "all passed"), flush=True)
    return 1 if failed else 0
