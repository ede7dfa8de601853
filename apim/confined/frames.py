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


def read_frame(pipe: IO[bytes]) -> bytes:
    """The next content. Errors: EOFError when there is no whole one."""
    head = pipe.read(_LENGTH)
    content = pipe.read(int.from_bytes(head, "big")) if len(head) == _LENGTH else b""
    if not content:
        raise EOFError
    return content
