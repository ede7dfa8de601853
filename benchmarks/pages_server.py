"""A PostgreSQL in a folder of its own that keeps the data of P10: made where there is none, run while it is measured.

Owns: finding the programs, the account that may run them, the settings. They are the defaults but for what a machine
of some memory sets, and for durability, which data that can be built again does not need.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import READY_WITHIN_S, free_port

_SETTINGS = ("listen_addresses=127.0.0.1", "shared_buffers=1GB", "max_wal_size=8GB")
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_PLACES = "/usr/lib/postgresql/*/bin"


@contextmanager
def postgresql(folder: Path, *, is_durable: bool = False) -> Iterator[str]:
    """The URL of the database in the folder; its server runs as long as the block, or on where it ran before."""
    data = folder / "data"
    owner = account()
    if not (data / "PG_VERSION").exists():
        folder.mkdir(parents=True, exist_ok=True)
        if owner:
            os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
        _run("initdb", "-D", data, "-U", "apim", "--auth", "trust", "-E", "UTF8", "--no-sync", account=owner)
    status = [find("pg_ctl"), "-D", str(data), "status"]
    is_running = not subprocess.run(status, user=owner, cwd="/", capture_output=True, check=False).returncode
    port = int((data / "postmaster.pid").read_text().splitlines()[3]) if is_running else free_port()
    if not is_running:
        own = (f"port={port}", f"unix_socket_directories={folder}", *(() if is_durable else _NOT_DURABLE))
        settings = " ".join(f"-c {each}" for each in (*_SETTINGS, *own))
        _run("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start", account=owner)
    try:
        create(port)
        yield f"postgresql://apim@127.0.0.1:{port}/apim"
    finally:
        if not is_running:
            _run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop", account=owner)


def create(port: int) -> None:
    """The database, unless it is there."""
    reach = ("-h", "127.0.0.1", "-p", str(port), "-U", "apim")
    deadline = time.monotonic() + READY_WITHIN_S
    while subprocess.run([find("psql"), *reach, "-c", "", "apim"], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            message = f"The server on port {port} takes no connection."
            raise RuntimeError(message)
        subprocess.run([find("createdb"), *reach, "apim"], capture_output=True, check=False)
        time.sleep(0.2)


def _run(program: str, *arguments: str | Path, account: str | None) -> None:
    subprocess.run([find(program), *map(str, arguments)], check=True, user=account, cwd="/", stdout=subprocess.DEVNULL)


def find(program: str) -> str:
    """The path of a program of PostgreSQL, or another. Errors: RuntimeError."""
    found = shutil.which(program) or next(iter(sorted(map(str, Path("/").glob(f"{_PLACES[1:]}/{program}")))), None)
    if found is None:
        message = f"{program} is needed (Debian: postgresql)."
        raise RuntimeError(message)
    return found


def account() -> str | None:
    """Whom PostgreSQL runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
