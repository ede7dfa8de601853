"""What must hold before anything is started; each check refuses with one sentence.

Owns: the data directory's lock and shape. Must not know: processes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import IO

from apim.up.options import Options, Port
from apim.up.refusal import RefusalError

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 200 * 1024 * 1024
DIRECTORIES = ("run", "logs", "static", "valkey", "gateway")
MAX_SOCKET_PATH = 103  # sun_path is 104 bytes on macOS, 108 on Linux
_SQLITE_MAGIC = b"SQLite format 3\x00"
_LOCK_WAIT_S = 5.0  # the guard of a killed start needs a moment to end its children


def check_python() -> None:
    """Refuse an interpreter older than MIN_PYTHON."""
    if sys.version_info < MIN_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        message = f"Python 3.11 or newer is needed, and this is Python {found}; start script/up with a newer python3."
        raise RefusalError(message)


def open_home(options: Options) -> IO[str]:
    """The locked data directory, made where missing. The lock lasts as long as the returned file is open."""
    home = options.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in DIRECTORIES:
            (home / name).mkdir(exist_ok=True, mode=0o700)
        lock = (home / "run" / "lock").open("a+")
        _take(lock, home)
    except OSError as error:
        raise RefusalError(_home_sentence(home, error)) from error
    return lock


def check_home(options: Options) -> None:
    """Refuse a data directory that is full, damaged, or has a name too long for its socket."""
    home = options.home
    if not options.redis_url and len(os.fsencode(options.socket)) > MAX_SOCKET_PATH:
        message = (
            f"The path {home} is too long for a unix socket in it; set APIM_HOME to a shorter path, "
            "or REDIS_URL to a server of your own."
        )
        raise RefusalError(message)
    _check_disk(home)
    _check_keys(home, options)
    if not options.database_url:
        _check_database(home / "db.sqlite3")


def check_ports(options: Options) -> None:
    """Refuse a port that is taken, forbidden, or wanted twice."""
    seen: dict[int, Port] = {}
    for port in options.ports():
        if port.number in seen:
            other = seen[port.number]
            message = (
                f"Port {port.number} is wanted twice, by {other.variable} and {port.variable}; change one of them."
            )
            raise RefusalError(message)
        seen[port.number] = port
        _check_port(port)


def _take(lock: IO[str], home: Path) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            if _is_running(holder) or time.monotonic() > deadline:
                message = (
                    f"The data directory {home} is in use by process {holder or '?'}; stop it first, or set APIM_HOME."
                )
                raise RefusalError(message) from None
            time.sleep(0.05)
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _is_running(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _home_sentence(home: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {home} is full; free some space, or set APIM_HOME to another disk."
    return f"The data directory {home} cannot be used ({error.strerror}); set APIM_HOME to a directory you may write."


def _check_disk(home: Path) -> None:
    free_bytes = shutil.disk_usage(home).free
    if free_bytes < MIN_FREE_BYTES:
        message = (
            f"The disk that holds {home} is full: {free_bytes // 2**20} MiB are free and {MIN_FREE_BYTES // 2**20} MiB "
            "are needed; free some space, or set APIM_HOME to another disk."
        )
        raise RefusalError(message)


def _check_keys(home: Path, options: Options) -> None:
    path = Path(os.environ.get("APIM_KEYS_FILE") or home / "keys" / "keys.json")
    if not path.exists():
        if not options.database_url and (home / "db.sqlite3").exists():
            message = (
                f"The data directory {home} is damaged: it has a database but no keys ({path}), without which no "
                "stored key or token is valid; restore that file from a backup."
            )
            raise RefusalError(message)
        return
    try:
        is_whole = isinstance(json.loads(path.read_text())["pepper"], str)
    except (OSError, ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        message = f"The data directory {home} is damaged: {path} cannot be read as keys; restore it from a backup."
        raise RefusalError(message)


def _check_database(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with path.open("rb") as file:
            is_whole = file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
        connection = sqlite3.connect(path, timeout=10)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except (OSError, sqlite3.DatabaseError):
        is_whole = False
    if not is_whole:
        message = (
            f"The data directory {path.parent} is damaged: {path} is not a readable database; restore it from a backup."
        )
        raise RefusalError(message)


def _check_port(port: Port) -> None:
    family = socket.AF_INET6 if ":" in port.bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.bind, port.number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = f"Port {port.number} ({port.purpose}) is in use; set {port.variable} to a free one."
            elif error.errno == errno.EACCES:
                message = (
                    f"Port {port.number} ({port.purpose}) is not allowed for this user; set {port.variable} above 1023."
                )
            else:
                message = (
                    f"The address {port.bind} ({port.purpose}) cannot be listened on ({error.strerror}); set APIM_BIND."
                )
            raise RefusalError(message) from error
