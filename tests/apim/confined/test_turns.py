"""Whose turn it is: who sends slow texts, or takes readers over, keeps none of them from the others (H32)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from apim.catalog.openapi import parse_document
from apim.confined import calling
from apim.confined.calling import Bounds, OutOfBounds, confine
from apim.confined.frames import write_frame
from apim.confined.turns import WAIT_AT_MOST, OneEach, asker

SOUND = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths: {/a: {get: {responses: {'200': {}}}}}\n"


@pytest.fixture
def alice() -> Iterator[None]:
    """Who asks in this thread."""
    token = asker.set(lambda: "usr_alice")
    yield
    asker.reset(token)


@pytest.mark.usefixtures("alice")
def test_a_second_text_of_one_person_waits_while_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "_TURN_S", 0.01)
    with calling._readers.each.of("usr_alice", 0.0):
        with pytest.raises(OutOfBounds) as raised:
            confine(parse_document, SOUND)
        assert raised.value.bound == "turn"
        asker.set(lambda: "usr_bob")
        assert confine(parse_document, SOUND).is_usable


def test_who_waits_many_times_is_sent_away_at_once() -> None:
    each, told = OneEach(), []

    def wait() -> None:
        with each.of("usr_alice", 60.0) as is_theirs:
            told.append(is_theirs)

    with each.of("usr_alice", 0.0):
        threads = [threading.Thread(target=wait) for _ in range(WAIT_AT_MOST + 1)]
        for thread in threads:
            thread.start()
        while sum(each._waiting.values()) < WAIT_AT_MOST or not told:
            threads[0].join(0.01)
        assert told == [False]
    for thread in threads:
        thread.join()
    assert told == [False, *[True] * WAIT_AT_MOST]
    assert not each._waiting
    assert not each._reading


# What a reader that was taken over does instead of answering.
STANDS_STILL = {
    "amid a text": "import time; time.sleep(600)",
    "amid an answer": "import sys, time; sys.stdout.buffer.write(bytes(7)); sys.stdout.buffer.flush(); time.sleep(600)",
    "with its mouth shut": "import os, time; os.close(1); time.sleep(600)",
}


def take_over(program: str) -> None:
    """The only reader that waits is one that another program took the place of."""
    while calling._readers._idle:
        calling._readers._idle.pop().end(Bounds())
    reader = calling._Reader()
    reader.end(Bounds())
    command = [sys.executable, "-c", program]
    taken = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader._process = taken  # type: ignore[misc]
    reader._texts, reader._answers = taken.stdin, taken.stdout  # type: ignore[assignment,misc]
    calling._readers._idle.append(reader)


@pytest.mark.parametrize("program", STANDS_STILL.values(), ids=STANDS_STILL)
def test_a_reader_that_stands_still_is_given_up(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "_WAITS_A_CPU_S", 1)
    monkeypatch.setattr(calling, "_ENDS_S", 0.5)
    take_over(program)
    with pytest.raises(OutOfBounds) as raised:
        calling.confine_within(Bounds(cpu_s=1), parse_document, SOUND)
    assert raised.value.bound == "time"
    assert confine(parse_document, SOUND).is_usable


def test_an_answer_that_is_said_to_be_endless_is_not_waited_for() -> None:
    take_over("import sys; sys.stdout.buffer.write(bytes([127]) * 9); sys.stdout.flush(); sys.stdin.buffer.read()")
    with pytest.raises(OutOfBounds) as raised:
        confine(parse_document, SOUND)
    assert raised.value.bound == "memory"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_reader_opens_nothing_in_the_place_of_what_it_closes(number: int) -> None:
    program = (
        "import os, apim.confined.__main__ as reader; reader.refuse_the_rest()\n"
        f"os.close({number})\n"
        "try: os.open('/etc/passwd', os.O_RDONLY)\nexcept OSError as error: os._exit(error.errno)\nelse: os._exit(0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 24  # EMFILE


def test_a_frame_that_ends_early_is_none() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as theirs, os.fdopen(writing, "wb") as ours:
        write_frame(ours, b"whole")
        ours.write((9).to_bytes(8, "big") + b"part")
        ours.close()
        assert calling.read_frame(theirs) == b"whole"
        with pytest.raises(EOFError):
            calling.read_frame(theirs)
