"""What is loaded before the first request is no work for the collector of circles."""

from __future__ import annotations

import json
import subprocess
import sys

from apim.up.options import ROOT

_PROGRAM = """
import apim.config.wsgi, gc, json, sys
is_loaded = "apim.console.views.apis" in sys.modules
print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled(), is_loaded]))
"""


def test_a_web_process_collects_what_requests_leave_and_nothing_older() -> None:
    command = (sys.executable, "-c", _PROGRAM)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    frozen, young, is_enabled, is_loaded = json.loads(ended.stdout.splitlines()[-1])
    assert is_enabled
    assert is_loaded
    assert frozen > 100 * young
