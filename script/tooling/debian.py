"""Programs that tests need beyond Python: found, or installed from Debian when this is root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from glob import glob

PACKAGES = {
    "initdb": "postgresql",
    "redis-server": "redis-server",
    "chromium": "chromium",
    "wrk": "wrk",
    "nginx": "nginx",
    "docker-compose": "docker-compose",
    "npm": "npm",
    "strace": "strace",
    "fiu-run": "fiu-utils",
    "ip": "iproute2",
    "curl": "curl",
    "openssl": "openssl",
    "nghttp": "nghttp2-client",
    "slowhttptest": "slowhttptest",
}
PLACES = ("/usr/sbin", "/usr/lib/postgresql/*/bin", "/opt/homebrew/bin", "/usr/local/bin")


def find(program: str) -> str | None:
    """The path of a program, also where Debian hides it."""
    found = shutil.which(program)
    if found is None:
        for place in PLACES:
            for path in sorted(glob(f"{place}/{program}"), reverse=True):
                return path
    return found


def install_missing() -> list[str]:
    """The programs that are still missing after what could be done."""
    wanted = [package for program, package in PACKAGES.items() if find(program) is None]
    if not _has_venv():
        wanted.append("python3-venv")
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing " + ", ".join(wanted) + " from Debian", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *wanted]):
            ended = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
            if ended.returncode != 0:
                print((ended.stdout + ended.stderr)[-2000:], file=sys.stderr)
    return [program for program in PACKAGES if find(program) is None]


def _has_venv() -> bool:
    return (
        subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode
        == 0
    )
