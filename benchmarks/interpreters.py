"""Which Python the gateway is measured under: the peers are their distribution's optimised builds, so is ours."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

_OPTIMISED = "--enable-optimizations"  # profile-guided: about a seventh faster
_ASK = "import sysconfig; print(sysconfig.get_config_var('SOABI'))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python program, the folder of packages it must be told about, and why it was chosen."""

    program: str
    packages: str
    reason: str

    def environment(self, *paths: str) -> dict[str, str]:
        """The environment in which it finds the packages, after the paths."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (*paths, self.packages)))}


def best_interpreter() -> Interpreter:
    """The running one, unless it was built without optimisations: then the distribution's of the same version."""
    own = Interpreter(sys.executable, "", "the interpreter of the virtual environment")
    other = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
    if _OPTIMISED in str(sysconfig.get_config_var("CONFIG_ARGS")) or not other.exists():
        return own
    told = subprocess.run([other, "-c", _ASK], capture_output=True, text=True, check=False).stdout
    if told.strip() != sysconfig.get_config_var("SOABI"):  # compiled packages are for one binary interface
        return own
    reason = f"{other}: the virtual environment's interpreter was built without {_OPTIMISED}"
    return Interpreter(str(other), sysconfig.get_path("purelib"), reason)
