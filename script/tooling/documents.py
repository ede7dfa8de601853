"""Published OpenAPI documents that tests import: fetched from npm at a pinned version, kept in .venv, never committed.

Shapes: DOCUMENTS = {name of the file: (package and version, path in the package)}. The licence of each is MIT.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tooling.environment import VENV

FOLDER = VENV / "published-documents"
INTEGRITY = {
    "@octokit/openapi@23.0.2": (
        "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
    ),
    "@readme/oas-examples@8.2.2": (
        "sha512-uytlvlylq3zpemG0h1R7ijlMBCajqXU0VpMI1Iw+j92s77Y/oT6pBf3BZN0lYl0WIGTh7POM4Jdu7L14eCzwXQ=="
    ),
    "@scalar/galaxy@0.2.20": (
        "sha512-fAoAgFJbS1HPS7Inp/V+NbIs5kNefrI3BeBnPxItJf9ukDEI2wjcRskZKl4taSWCxSAJAAmTp9B3oZUyq7US0w=="
    ),
}
DOCUMENTS = {
    "github.json": ("@octokit/openapi@23.0.2", "generated/api.github.com.json"),
    "circular-paths.json": ("@readme/oas-examples@8.2.2", "3.0/json/circular-paths.json"),
    "path-references.json": ("@readme/oas-examples@8.2.2", "3.0/json/server-path-level.json"),
    "petstore.yaml": ("@readme/oas-examples@8.2.2", "3.1/yaml/petstore.yaml"),
    "star-trek.json": ("@readme/oas-examples@8.2.2", "3.0/json/star-trek.json"),
    "galaxy.yaml": ("@scalar/galaxy@0.2.20", "dist/3.1.yaml"),
}
_FETCHED_WITHIN_S = 180


def fetch() -> str:
    """Make FOLDER hold every document; why it could not be done, "" when it could."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for package in INTEGRITY:
        wanted = {name: path for name, (source, path) in DOCUMENTS.items() if source == package}
        if all((FOLDER / name).exists() for name in wanted):
            continue
        npm = shutil.which("npm")
        if npm is None:
            return "no npm"
        with tempfile.TemporaryDirectory(prefix="apim-test-npm-") as folder:
            if fault := _pack(npm, package, folder):
                return fault
            _unpack(next(Path(folder).glob("*.tgz")), wanted)
    return ""


def _pack(npm: str, package: str, folder: str) -> str:
    """The package as the registry keeps it, in folder; runs none of its scripts. What went wrong, else ""."""
    command = [npm, "pack", package, "--silent", "--ignore-scripts", "--pack-destination", folder]
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_FETCHED_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm did not fetch {package} within {_FETCHED_WITHIN_S} s"
    archives = list(Path(folder).glob("*.tgz"))
    if ended.returncode != 0 or len(archives) != 1:
        words = (ended.stderr or ended.stdout).strip().splitlines()
        return f"npm cannot fetch {package}: {words[-1] if words else ended.returncode}"
    digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    return "" if f"sha512-{digest}" == INTEGRITY[package] else f"{package} is not what was pinned"


def _unpack(archive: Path, wanted: dict) -> None:
    with tarfile.open(archive) as package:
        for name, path in wanted.items():
            fresh = FOLDER / f"{name}.part"
            with package.extractfile(f"package/{path}") as source, open(fresh, "wb") as target:
                shutil.copyfileobj(source, target)
            fresh.replace(FOLDER / name)  # an interrupted run leaves no half document
