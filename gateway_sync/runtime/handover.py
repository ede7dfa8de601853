"""Handover: a supervisor gives its place to one of the code that is on disk now, by exec, without a refused connection.

What goes over are the listening sockets and the names of the workers that are about to end; the process stays the same,
so its children do too. Everything else is on disk.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence

import msgspec

logger = logging.getLogger(__name__)

VARIABLE = "GATEWAY_HANDOVER"
CHECK = "--check"
CHECK_S = 60.0


class Place(msgspec.Struct, frozen=True):
    """One slot. Shapes: descriptors of its sockets, 0 = none; pid and boot of the worker that is ending in it."""

    listener: int
    tls_listener: int
    pid: int
    boot: str


def take_over(environ: MutableMapping[str, str]) -> Sequence[Place]:
    """The places that the supervisor before left; none after an ordinary start."""
    text = environ.pop(VARIABLE, "")
    return msgspec.json.decode(text, type=list[Place]) if text else ()


def is_startable(arguments: Sequence[str]) -> bool:
    """True when the code on disk accepts these arguments; what is wrong with it is logged."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [*_command(arguments), CHECK], capture_output=True, timeout=CHECK_S, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.error("the gateway on disk cannot be started: %s", error)  # noqa: TRY400 - no bug of ours
        return False
    if done.returncode:
        logger.error("the gateway on disk cannot be started: %s", done.stderr.strip()[-1000:])
    return done.returncode == 0


def give_over(arguments: Sequence[str], places: Sequence[Place], environ: Mapping[str, str]) -> None:
    """Become the supervisor on disk. Does not return. Errors: OSError."""
    for place in places:
        for descriptor in (place.listener, place.tls_listener):
            if descriptor:
                os.set_inheritable(descriptor, True)  # noqa: FBT003 - the standard library's signature
    command = _command(arguments)
    os.execve(command[0], command, {**environ, VARIABLE: msgspec.json.encode(places).decode()})  # noqa: S606


def has_ended(pid: int) -> bool:
    """True when a child that another program of this process started is gone; it is reaped."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "gateway_sync.runtime", *arguments]
