"""The tutorial, typed in as it stands, does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from apim.config.env import ROOT
from tests.product import new_place, running

TUTORIAL = ROOT / "docs" / "tutorial" / "first-api.md"
BEGUN = ("script/up",)  # the fixture has done it
MARK = "== "
READ_OFF = {
    "REQUEST_ID": "$(last_request_id)",
    "crd_…": "$(apim keys list --app my-first-app -o json | only id)",
    "--dry-run ": "--dry-run || test $? = 2 ",
}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """(heading, commands) of each indented block."""
    heading = ""
    lines: list[str] = []
    for line in [*page.read_text().splitlines(), "# end"]:
        if line.startswith("    ") or (lines and not line):
            lines.append(line[4:])
            continue
        if lines:
            yield heading, "\n".join(lines).strip()
            lines = []
        if line.startswith("#"):
            heading = line.lstrip("# ")


def script_of(page: Path, addresses: Mapping[str, str]) -> str:
    """The commands of a page in one script; what the reader fills in is taken from the answers before.

    Shapes: addresses = those in the text, and what stands for them here.
    """
    parts = []
    for heading, block in blocks(page):
        if block in BEGUN:
            continue
        commands = re.sub(r"\bapim login --url \S+", r"\g<0> --token $TOKEN", block)
        for written, here in {**addresses, **READ_OFF}.items():
            commands = commands.replace(written, here)
        parts += [f"echo '{MARK}{heading}'", commands, "sleep 2"]  # the reader reads
    return "\n".join(parts)


PRELUDE = """\
set -eo pipefail
only() { python3 -c "import json, sys; print(json.load(sys.stdin)[0]['$1'])"; }
last_request_id() {
    curl -si -H "X-API-Key: $KEY" "$GATEWAY/ledger/v1/accounts" | tr -d '\\r' | sed -n 's/^X-Request-Id: //p'
    sleep 5
}
"""


def sections(said: str) -> dict[str, str]:
    """What was printed under each heading."""
    found: dict[str, str] = {}
    for part in said.split(MARK)[1:]:
        heading, _, text = part.partition("\n")
        found[heading] = found.get(heading, "") + text
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl, which the tutorial uses")
def test_the_tutorial_can_be_typed_in_and_its_answers_are_those_it_names(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    with running(place) as product:
        addresses = {
            "http://127.0.0.1:8000": product.web,
            "http://127.0.0.1:8080": product.gateway,
            "127.0.0.1:9101": f"127.0.0.1:{place.variables['APIM_EXAMPLE_PORT']}",
        }
        done = subprocess.run(
            ["bash", "-c", PRELUDE + script_of(TUTORIAL, addresses)],
            cwd=_checkout(tmp_path / "checkout"),
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "XDG_CONFIG_HOME": str(tmp_path / "config"),
                "TOKEN": product.token,
                "GATEWAY": product.gateway,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = sections(done.stdout)
    assert "HTTP/1.1 401" in said["3. Import and publish"]
    assert '"code":"unauthenticated"' in said["3. Import and publish"]
    for created in ("Plan taste", "Product ledger-api", "Application default/my-first-app", "Subscription my-ledger"):
        assert f"create     {created}\n" in said["4. A plan and a product"]
    assert "HTTP/1.1 200" in said["5. Call"]
    assert "RateLimit-Policy: " in said["5. Call"]
    codes = re.findall(r"(?:200|429)(?= )", said["5. Call"])[-10:]
    assert set(codes) == {"200", "429"}
    assert codes.count("200") >= 5  # the burst; a slow machine lets the rate add to it
    assert '"429": ' in said["6. See it"]
    assert '"operation": "GET /accounts"' in said["6. See it"]
    assert "HTTP/1.1 401" in said["7. Change it, take it away"]


def _checkout(folder: Path) -> Path:
    """A folder to work in, with the example where the tutorial has it."""
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder
