"""Trying: a call to a candidate in a process of its own, which is ended whatever comes of it.

Owns: the process and its bounds, the connection, and what its end means. The process has no port: it is given one end
of a connection, and this side talks HTTP on the other.
"""

from __future__ import annotations

import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext

from apim.catalog.trial_calls import SHOWN_BYTES, Answer, answer_of, sent_headers, target_of
from apim.errors import Conflict, Invalid
from gateway_sync.delivery.places import Places
from gateway_sync.runtime.candidate import CPU_S, Candidate, Over, Ready, decode_said, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apim.catalog.models import APIVersion
    from apim.catalog.trial_calls import Call
    from apim.gateways.models import Environment
    from gateway_sync.delivery.candidates.stating import Stated
    from gateway_sync.trace_wire import CallTrace

AT_ONCE: Final = 2  # of one web process: each has a process of its own, and a thread of ours waits
STARTS_S: Final = 15.0
ANSWERS_S: Final = 20.0
WHOLE_S: Final = 30.0
_LAST_WORD_S: Final = 3.0
_FOLDER: Final = "apim-trial-"
_OLD_S: Final = 600.0
_ROOT: Final = Path(__file__).resolve().parents[3]
_places = Places(AT_ONCE, each=1)  # who tries what never answers has one place, and no more


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it.

    Shapes: answer None = there was none, and failure says why; problems are what a gateway would report, as (code,
    message); trace None = nothing was noted. Units: starting_ms is what the candidate's own start took.
    """

    answer: Answer | None = None
    trace: CallTrace | None = None
    failure: str = ""
    hint: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)
    starting_ms: float = 0.0


def try_call(
    environment: Environment, version: APIVersion, stated: Stated, call: Call, *, address: str, whose: str
) -> Trial:
    """The answer of a candidate to one call from an address, and the way that it took. Nothing of it remains.

    Shapes: whose = who waits for it; each may wait for one at a time.

    Errors: Conflict trial.too_many, trial.not_started; Invalid portal.path, portal.unsendable.
    """
    host = urlsplit(environment.base_url).netloc or "gateway.example"
    target = target_of(f"/{version.api.name}/{version.name}", call.path, call.query)
    if not _places.take(whose):
        message = gettext("Too many test calls wait for their answers.")
        raise Conflict("trial.too_many", message, hint=gettext("Try again in a few seconds."))
    try:
        with _home() as home:
            candidate = Candidate(
                stated.fragments, stated.access, stated.pepper, stated.sealing_key, address, str(home)
            )
            with _started(candidate) as run:
                headers = {"Host": host} | sent_headers(version, call, stated.key)
                return run.asked(_Sent(call.method, target, headers, call.body.encode()))
    finally:
        _places.give_back(whose)


class _Sent(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class _Run:
    """A candidate's process, and our end of its connection."""

    def __init__(self, process: subprocess.Popen[bytes], caller: socket.socket) -> None:
        self._process = process
        self._caller = caller
        self._said = cast("IO[bytes]", process.stdout)
        self._began = time.monotonic()

    def asked(self, sent: _Sent) -> Trial:
        """What came of the call."""
        ready = self._word(STARTS_S)
        if not isinstance(ready, Ready):
            raise Conflict(
                "trial.not_started",
                gettext("The gateway of this draft did not start."),
                hint=gettext("Try again; if it goes on, tell an administrator."),
            )
        starting_ms = (time.monotonic() - self._began) * 1000
        answer, is_late = None, False
        try:
            answer = _exchanged(self._caller, sent)
        except TimeoutError:
            is_late = True
        except (OSError, http.client.HTTPException):
            pass  # how the process ended says why
        self._caller.close()
        if answer is None or answer.is_cut:
            self._process.terminate()  # a gateway hears of a caller that left only once it writes to it
        over = self._word(_LAST_WORD_S)
        traces = over.traces if isinstance(over, Over) else []
        failure, hint = ("", "") if answer else self._reason(is_late=is_late, is_over=isinstance(over, Over))
        return Trial(answer, traces[-1] if traces else None, failure, hint, ready.problems, starting_ms)

    def _word(self, patience_s: float) -> Ready | Over | None:
        """What it says next; None when it says nothing in time, or has ended."""
        patience = select.poll()
        patience.register(self._said, select.POLLIN | select.POLLHUP)
        if not patience.poll(patience_s * 1000):
            return None
        with suppress(ValueError):
            return decode_said(self._said.readline())
        return None

    def _reason(self, *, is_late: bool, is_over: bool) -> tuple[str, str]:
        """Why there is no answer, and what to do."""
        if is_late and is_over:
            told = gettext("No answer within %(seconds)s seconds.") % {"seconds": f"{ANSWERS_S:.0f}"}
            return told, gettext("The service behind it is slow or hangs; below is how far the call came.")
        with suppress(subprocess.TimeoutExpired):
            if self._process.wait(0.5) == -signal.SIGXCPU:
                told = gettext("The draft's gateway took more than %(seconds)s seconds of the processor.")
                return told % {"seconds": CPU_S}, gettext("A policy or a pattern of it works without end.")
        if is_late:
            told = gettext("The draft's gateway gave no sign of life and was ended.")
            return told, gettext("A policy of it waits or works without end.")
        if self._process.returncode:
            told = gettext("The draft's gateway came to an end amid the call.")
            return told, gettext("A policy of it needs more memory than there is for a trial, or crashes.")
        return gettext("The connection was closed without an answer."), gettext("Below is how far the call came.")


def _exchanged(caller: socket.socket, sent: _Sent) -> Answer:
    """What is answered on the connection. Errors: Invalid; TimeoutError, OSError, http.client.HTTPException."""
    deadline = time.monotonic() + WHOLE_S
    connection = http.client.HTTPConnection("candidate")
    connection.sock = caller
    caller.settimeout(ANSWERS_S)
    try:
        connection.putrequest(sent.method, sent.target, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.headers.items():
            connection.putheader(name, value)
        if sent.body:
            connection.putheader("Content-Length", str(len(sent.body)))
    except (ValueError, http.client.InvalidURL) as error:
        message = gettext("This cannot be sent: %(error)s") % {"error": error}
        raise Invalid("portal.unsendable", message, field="headers") from error
    began = time.monotonic()
    connection.endheaders(sent.body or None)
    with connection.getresponse() as response:
        wire, is_cut = bytearray(), False
        with suppress(http.client.IncompleteRead):
            while chunk := response.read1(65_536):
                wire += chunk
                if len(wire) > SHOWN_BYTES or time.monotonic() > deadline:
                    is_cut = True
                    break
        told = httpx.Response(response.status, headers=response.getheaders())
        told.extensions["reason_phrase"] = response.reason.encode("latin-1", "replace")
        duration_ms = (time.monotonic() - began) * 1000
        return answer_of(told, bytes(wire[:SHOWN_BYTES]), is_cut=is_cut, duration_ms=duration_ms)


@contextmanager
def _started(candidate: Candidate) -> Iterator[_Run]:
    """A process that serves it for as long as the block lasts; then it is killed, and all that it started."""
    ours, theirs = _connected()
    with ours, theirs:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-m", "gateway_sync.runtime.candidate", str(os.getpid()), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            cwd=_ROOT,
            env=_surroundings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        given_up = threading.Timer(STARTS_S + WHOLE_S + 2 * _LAST_WORD_S, process.kill)  # whatever anybody waits for
        given_up.start()
        try:
            theirs.close()
            told = cast("IO[bytes]", process.stdin)
            with suppress(OSError), told:
                told.write(encode(candidate))
            yield _Run(process, ours)
        finally:
            given_up.cancel()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            cast("IO[bytes]", process.stdout).close()


def _surroundings() -> dict[str, str]:
    """What it may know of ours: no secrets, no proxies."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}


def _connected() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection of this host; the port that it took is closed before anybody else can use it."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        while True:
            ours = socket.create_connection(door.getsockname())
            theirs, peer = door.accept()
            if peer == ours.getsockname():
                return ours, theirs
            theirs.close()
            ours.close()


@contextmanager
def _home() -> Iterator[Path]:
    """A folder for as long as the block lasts; those that a killed process of ours left go first."""
    folder = Path(tempfile.gettempdir())
    for left in folder.glob(f"{_FOLDER}*"):
        with suppress(OSError):
            status = left.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > _OLD_S:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True) as home:
        yield Path(home)
