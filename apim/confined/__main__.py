"""A reader: runs one function after another for the process that started it, and can do nothing else.

It opens no file and no socket, starts no process and writes no file: the kernel refuses it. A text that takes too long
ends it (SIGXCPU); one that takes too much memory is told, or ends it. It ends with who started it.
"""

from __future__ import annotations

import importlib
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from math import ceil

from django.conf import settings

from apim.confined.frames import NO_MEMORY_LEFT, Request, read_frame, write_frame
from gateway_sync.runtime.processes import address_space_bytes

# By name: they are above this package, which runs what it is told to. All that they need is loaded before any text.
MODULES = (
    "apim.catalog.openapi",
    "apim.catalog.operation_lines",
    "apim.openapi.linting",
    "apim.openapi.manifests",
    "apim.openapi.source",
)
_SMALL = (
    "openapi: 3.1.0\ninfo: {title: a, version: '1'}\nservers: [{url: 'https://[::1]/x'}]\n"
    "paths: {/a: {get: {responses: {}}, get: {}}, b: {$ref: '#/c'}}\nx: &x [1]\ny: *x\n"
)
_TEXTS = (_SMALL, '{"openapi": "3.1.0", "paths": {"/a": {"get": {}, "get": 1}}}', "a: [", '{"a":', "\x00")


def main() -> None:
    """Until nobody is there any more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of the group; who started it says when it is over
        signal.signal(number, signal.SIG_IGN)
    settings.configure(USE_I18N=False)  # what is said is English, and translated by who shows it
    warm_up()
    size = address_space_bytes()
    refuse_the_rest()
    pipes = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, BrokenPipeError):
        while True:
            request = Request(*pickle.loads(read_frame(pipes[0])))  # noqa: S301 - of the process that started this
            try:
                answer = run(request, size)
            except MemoryError:
                os._exit(NO_MEMORY_LEFT)
            write_frame(pipes[1], answer)


def warm_up() -> None:
    """Load all that reading needs: later no file can be opened."""
    for name in MODULES:
        importlib.import_module(name)
    for text in _TEXTS:
        importlib.import_module("apim.catalog.openapi").parse_document(text)
        importlib.import_module("apim.openapi.linting").lint(text)
        with suppress(ValueError):
            importlib.import_module("apim.openapi.manifests").read_manifests(text)


def refuse_the_rest() -> None:
    """Have the kernel refuse whatever reading does not need."""
    for kind, most in (
        (resource.RLIMIT_NOFILE, 0),  # no file and no socket, not even in the place of one that it has and closes
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def run(request: Request, size: int) -> bytes:
    """The answer, within the bounds of the request. Errors: MemoryError when not even that can be said."""
    _soften(resource.RLIMIT_CPU, ceil(time.process_time()) + request.cpu_s)
    _soften(resource.RLIMIT_AS, size + request.memory_bytes)
    try:
        try:
            function = getattr(sys.modules[request.module], request.name)
            answer = ("ok", function(*request.arguments, **request.named))
        except ValueError as error:
            answer = ("error", error)
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        _soften(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        return pickle.dumps(("memory", None))
    except Exception:  # noqa: BLE001 - a fault of ours: who asked logs it
        return pickle.dumps(("fault", traceback.format_exc()))


def _soften(kind: int, most: int) -> None:
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    main()
