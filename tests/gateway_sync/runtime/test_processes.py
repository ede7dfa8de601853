"""What the kernel says about a process: of that process alone, not of the one that started it."""

from __future__ import annotations

import subprocess
import sys

from gateway_sync.runtime.processes import peak_bytes

HELD_BYTES = 64 * 2**20


def test_peak_of_a_process_is_not_that_of_who_started_it() -> None:
    held = b"\x01" * HELD_BYTES
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    assert 0 < peak_bytes(child.pid) < len(held)
    assert peak_bytes() > HELD_BYTES
    child.communicate(b"\n")


def test_peak_stays_when_memory_is_given_back() -> None:
    before = peak_bytes()
    held = b"\x01" * max(HELD_BYTES, 2 * before)
    after = peak_bytes()
    del held
    assert before < after < peak_bytes() + 2**20  # the kernel adds pages up in batches


def test_of_what_is_gone_nothing_is_known() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert peak_bytes(child.pid) == 0
