"""A private PostgreSQL and a private Redis for one run of the tests: own directory, random port, no durability."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tooling.debian import find

_READY_WITHIN_S = 120
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@contextmanager
def postgresql() -> Iterator[str]:
    """The DATABASE_URL of a server that lives as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="apim-test-pg-"))
    account = _account()
    if account:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    port = _free_port()
    try:
        subprocess.run(
            [find("initdb"), "-D", folder / "data", "-U", "apim", "--auth", "trust", "-E", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, user=account, cwd=folder,
        )  # fmt: skip
        settings = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", *_FAST]
        command = [find("postgres"), "-D", folder / "data"]
        for setting in settings:
            command += ["-c", setting]
        with open(folder / "log", "w") as log, _running(command, log, account, folder):
            _wait(port)
            createdb = [find("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "apim", "apim"]
            _retry(createdb)
            yield f"postgresql://apim@127.0.0.1:{port}/apim"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """The REDIS_URL of a server that lives as long as the block."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="apim-test-redis-") as folder:
        command = [find("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with open(Path(folder) / "log", "w") as log, _running(command, log, None, folder):
            _wait(port)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _running(command: list, log: IO[str], account: str | None, folder: str | Path) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=account, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _account() -> str | None:
    """Whom PostgreSQL runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait(port: int) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


def _retry(command: list) -> None:
    """PostgreSQL listens a moment before it lets anybody in."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not start")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
