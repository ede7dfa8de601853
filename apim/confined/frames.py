"""Frames: what goes over the pipes between a process and its readers."""

from __future__ import annotations

from typing import IO, Any, Final, NamedTuple

NO_MEMORY_LEFT: Final = 77  # the exit code of a reader that had too little memory even to say so
_LENGTH: Final = 8


class Request(NamedTuple):
    """What to run, and within which bounds."""

    module: str
    name: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    cpu_s: int
    memory_bytes: int


def write_frame(pipe: IO[bytes], content: bytes) -> None:
    """Write all of it. Errors: OSError."""
    pipe.write(len(content).to_bytes(_LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


class TooLong(EOFError):
    """More is said to follow than anybody reads."""


def read_frame(pipe: IO[bytes], at_most: int = 2**62) -> bytes:
    """The next content. Errors: EOFError when there is no whole one, TooLong."""
    head = pipe.read(_LENGTH)
    length = int.from_bytes(head, "big") if len(head) == _LENGTH else 0
    if length > at_most:
        raise TooLong
    content = pipe.read(length)
    if not content or len(content) < length:
        raise EOFError
    return content
