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
from tests.product import prepared_place, running

TUTORIAL = ROOT / "docs" / "tutorial" / "first-api.md"
BEGUN = ("script/up",)  # the fixture has done it
MARK = "== "
CALLS = 40  # the plan's rate admits all ten of the tutorial on a machine that starts five commands a second
READ_OFF = {
    "REQUEST_ID": "$(last_request_id)",
    "crd_…": "$(apim keys list --app my-first-app -o json | only id)",
    "--dry-run ": "--dry-run || test $? = 2 ",
    "$(seq 10)": f"$(seq {CALLS})",
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
        parts += [f"echo '{MARK}{heading}'", commands, "sleep 0.5"]  # the reader reads
    return "\n".join(parts)


# A reader tries again what is not in force or not counted yet; here each command waits for that instead.
PRELUDE = """\
set -eo pipefail
only() { python3 -c "import json, sys; print(json.load(sys.stdin)[0]['$1'])"; }
apim() {
    if [ $1 = usage ]; then until command apim "$@" > told && grep -q 429 told; do sleep 0.5; done; fi
    command apim "$@" || return
    if [ $1 != login ]; then until is_in_force; do sleep 0.1; done; fi
}
is_in_force() { python3 - <<'PYTHON'
import json, os, urllib.request as web
def read(path):
    asked = web.Request(os.environ["WEB"] + "/api/v1/" + path)
    asked.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    return json.load(web.urlopen(asked))
wanted, newest = read("environments/default"), read("publications?limit=1")["data"][0]
here = {(each["digest"], each["access_seq"]) for each in json.load(web.urlopen(os.environ["ADMIN"]))["workers"]}
is_told = here == {(newest["digest"], wanted["access_seq"])}
raise SystemExit(wanted["is_waiting_to_publish"] or not is_told)
PYTHON
}
last_request_id() {
    curl -si -H "X-API-Key: $KEY" "$GATEWAY/ledger/v1/accounts" | tr -d '\\r' | sed -n 's/^X-Request-Id: //p' > last
    until command apim trace $(cat last) > traced 2> untraced; do sleep 0.5; done
    cat last
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
    place = prepared_place(tmp_path / "home")
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
                "WEB": product.web,
                "GATEWAY": product.gateway,
                "ADMIN": f"{product.gateway_admin}/status",
            },
            capture_output=True,
            text=True,
            timeout=300,
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
    codes = re.findall(r"(?:200|429)(?= )", said["5. Call"])[-CALLS:]
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
