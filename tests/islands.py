"""A network of its own for one gateway, cut off from this one without a word to either side; Linux and root."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

Told = TypeVar("Told")

_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Island:
    """Shapes: name = of the network namespace; mainland = this side's address, as the island reaches it."""

    name: str
    mainland: str

    def inside(self, work: Callable[[], Told]) -> Told:
        """What work says there: its sockets and the processes that it starts belong to the island for good."""
        told: list[Told] = []
        failed: list[BaseException] = []

        def go() -> None:
            try:
                _enter(self.name)
                told.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
                failed.append(error)

        visitor = threading.Thread(target=go)
        visitor.start()
        visitor.join()
        if failed:
            raise failed[0]
        return told[0]

    def cut(self) -> None:
        """Packets are gone from now on; nobody is told."""
        _ip("link", "set", _end(self.name, "a"), "down")

    def heal(self) -> None:
        """Packets go again."""
        _ip("link", "set", _end(self.name, "a"), "up")


@contextmanager
def island(number: int) -> Iterator[Island]:
    """One that exists as long as the block; numbers from 0 to 63 keep addresses apart."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    name = f"apim{os.getpid()}n{number}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("a network namespace cannot be made here")
    here, there = _end(name, "a"), _end(name, "b")
    mainland, far = f"10.213.{os.getpid() % 256}.{number * 4 + 1}", f"10.213.{os.getpid() % 256}.{number * 4 + 2}"
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("addr", "add", f"{mainland}/30", "dev", here)
        _ip("link", "set", here, "up")
        for each in (
            ("addr", "add", f"{far}/30", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", name, *each)
        yield Island(name, mainland)
    finally:
        _ip("netns", "del", name)


def _enter(name: str) -> None:
    """Move the calling thread there. Errors: OSError."""
    with Path(f"/run/netns/{name}").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _end(name: str, side: str) -> str:
    return f"{name[4:]}{side}"  # the kernel takes 15 characters


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
