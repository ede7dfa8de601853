"""Readers of strangers' texts: what they may take, what they may do, and that who asks them goes on (H32)."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from apim.catalog.openapi import parse_document, read_contract
from apim.confined import calling
from apim.confined.calling import Bounds, OutOfBounds, confine, confine_within
from apim.openapi.linting import lint
from apim.openapi.source import SourceFault, read_yaml
from gateway_sync.runtime.processes import peak_bytes

SOUND = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths: {/a: {get: {responses: {'200': {}}}}}\n"
# Small, and within every limit of size and depth: each alias is a reference of a hundred steps that leads nowhere.
SPINS = (
    f"openapi: 3.1.0\npaths: {{}}\nx: &x {{$ref: '#/{'a/' * 100}'}}\nx-many: [" + ", ".join(["*x"] * 300_000) + "]\n"
)
# Twelve megabytes of text that are many times as much as values.
EATS = "openapi: 3.1.0\npaths: {}\nx: [" + "[1],\n" * 2_400_000 + "]\n"
LITTLE = Bounds(cpu_s=1)
NARROW = Bounds(memory_bytes=64 * 2**20)


def test_it_says_what_the_function_says() -> None:
    assert confine(parse_document, SOUND) == parse_document(SOUND)
    assert confine(lint, SOUND) == lint(SOUND)
    assert confine(read_yaml, "{200: 1e400, true: [null]}") == [{200: float("inf"), True: [None]}]


def test_a_fault_of_the_text_is_its_own() -> None:
    with pytest.raises(SourceFault) as raised:
        confine(read_yaml, "a: [")
    assert (raised.value.line, raised.value.message) != (0, "")


@pytest.mark.parametrize(
    ("text", "bounds", "bound"), [(SPINS, LITTLE, "time"), (EATS, NARROW, "memory")], ids=["spins", "eats"]
)
def test_a_text_that_takes_too_much_is_given_up_and_the_next_is_read(text: str, bounds: Bounds, bound: str) -> None:
    before = peak_bytes()
    with pytest.raises(OutOfBounds) as raised:
        confine_within(bounds, parse_document, text)
    assert (raised.value.bound, raised.value.bounds) == (bound, bounds)
    assert peak_bytes() - before < 64 * 2**20  # its text, not its values
    assert confine(parse_document, SOUND).is_usable


def test_a_reader_that_is_killed_meanwhile_costs_its_text_alone() -> None:
    confine(parse_document, SOUND)
    (idle,) = calling._readers._idle[-1:]
    idle._process.kill()
    idle._process.wait()
    assert confine(parse_document, SOUND).is_usable


def test_many_at_once_take_turns() -> None:
    told: list[bool] = []
    threads = [
        threading.Thread(target=lambda: told.append(confine(parse_document, SOUND).is_usable)) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [True] * 12
    assert len(calling._readers._idle) <= calling.MOST_AT_ONCE


def test_who_finds_no_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "_TURN_S", 0.01)
    with calling._readers.turns, calling._readers.turns, pytest.raises(OutOfBounds) as raised:
        confine(parse_document, SOUND)
    assert raised.value.bound == "turn"


def test_a_fork_has_readers_of_its_own() -> None:
    confine(parse_document, SOUND)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if not calling._readers._idle and confine(parse_document, SOUND).is_usable else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert confine(parse_document, SOUND).is_usable


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("false",)


@pytest.mark.parametrize(
    "value", [_Evil(), read_contract, subprocess.Popen, Bounds()], ids=["call", "function", "class", "foreign"]
)
def test_an_answer_makes_nothing_but_data_of_what_was_asked(value: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        calling._Answers(BytesIO(pickle.dumps(value))).load()


# What a reader that was taken over would try, run in one after it has shut itself in.
TRIES = {
    "open a file": "open('/etc/passwd')",
    "make a file": "open('/tmp/made-by-a-reader', 'w')",
    "connect": "__import__('socket').create_connection(('127.0.0.1', 9))",
    "start a process": "__import__('subprocess').run(['true'])",
}


@pytest.mark.parametrize("attempt", TRIES.values(), ids=TRIES)
def test_a_reader_can_open_nothing(attempt: str) -> None:
    program = (
        "import socket, subprocess, apim.confined.__main__ as reader; reader.refuse_the_rest()\n"
        f"try: {attempt}\nexcept OSError as error: print(type(error).__name__, error.errno)\nelse: print('done')"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["OSError", "24"]  # EMFILE: it may have no file more


def test_a_reader_knows_no_secret_of_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@127.0.0.1/apim")
    reader = calling._Reader()
    assert b"secret" not in Path(f"/proc/{reader._process.pid}/environ").read_bytes()
    assert reader.end(Bounds()) == "fault"


def test_a_reader_that_crashes_is_not_told_to_have_filled_the_memory_of_who_started_it() -> None:
    reader = calling._Reader()
    reader._process.terminate()
    assert reader.end(Bounds(memory_bytes=peak_bytes())) == "fault"
