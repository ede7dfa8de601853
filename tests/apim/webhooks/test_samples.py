"""The samples of the how-to check what is really sent: the Python one is run, the other where there is Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable

import pytest

from apim.config.env import ROOT
from apim.webhooks.sending import Letter, headers_of
from apim.webhooks.signing import new_secret

PAGE = (ROOT / "docs" / "howto" / "receive-webhooks.md").read_text()
BODY = '{"type":"key.created","data":{"label":"Büro"}}'


def sample(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def sent(*secrets: str, at: float) -> dict[str, str]:
    letter = Letter("whd_1", "https://example.com", "evt_1", BODY.encode(), secrets)
    return headers_of(letter, timestamp=int(at))


def test_the_python_sample_takes_what_is_genuine_and_nothing_else() -> None:
    names: dict[str, Callable[[str, dict[str, str], bytes], bool]] = {}
    exec(sample("python"), names)  # noqa: S102 - the how-to's own code is what is tested
    is_genuine, secret, other = names["is_genuine"], new_secret(), new_secret()
    assert is_genuine(secret, sent(secret, at=time.time()), BODY.encode())
    assert is_genuine(secret, sent(other, secret, at=time.time()), BODY.encode())
    assert not is_genuine(secret, sent(other, at=time.time()), BODY.encode())
    assert not is_genuine(secret, sent(secret, at=time.time()), BODY.encode() + b" ")
    assert not is_genuine(secret, sent(secret, at=time.time() - 4000), BODY.encode())


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")
def test_the_javascript_sample_takes_what_is_genuine_and_nothing_else() -> None:
    secret, other = new_secret(), new_secret()
    cases = [
        (sent(secret, at=time.time()), BODY, True),
        (sent(other, secret, at=time.time()), BODY, True),
        (sent(other, at=time.time()), BODY, False),
        (sent(secret, at=time.time()), BODY + " ", False),
        (sent(secret, at=time.time() - 4000), BODY, False),
    ]
    program = (
        sample("javascript")
        + f"""
    const cases = {json.dumps(cases)};
    console.log(JSON.stringify(cases.map(([headers, body]) => isGenuine({json.dumps(secret)}, headers, body))));
    """
    )
    found = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(found.stdout) == [expected for *_, expected in cases]
