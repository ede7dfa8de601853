"""A PostgreSQL and a Redis of a topology: each in a folder of its own, killed and started again on the same port.

Owns: how they are started, and the ways in which they go away. Their settings are those of production: what was
committed is there after a crash of the server.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.machines import Machines
from benchmarks.pages_server import account, create, find
from benchmarks.processes import end, free_port, wait_for_port

_POSTGRESQL = ("shared_buffers=64MB", "max_connections=300")


class PostgreSQL:
    """A server of one database `apim`, not started."""

    def __init__(self, machines: Machines) -> None:
        """Makes its data, where the account that it runs as gets to; the member `postgresql` of these machines."""
        self._machines = machines
        self._folder, self._account, self.port = Path(tempfile.mkdtemp(prefix="apim-topology-")), account(), free_port()
        if self._account:
            os.chown(self._folder, pwd.getpwnam(self._account).pw_uid, -1)
        self._run("initdb", "-D", self._folder / "data", "-U", "apim", "--auth", "trust", "-E", "UTF8", "--no-sync")
        with (self._folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {machines.trusted} trust\n")

    @property
    def url(self) -> str:
        """Its DATABASE_URL."""
        return f"postgresql://apim@{self._machines.address_of('postgresql')}:{self.port}/apim"

    def start(self) -> None:
        """Return once it lets everybody in."""
        listens = f"listen_addresses={self._machines.bind}"
        settings = (*_POSTGRESQL, listens, f"port={self.port}", f"unix_socket_directories={self._folder}")
        told = " ".join(f"-c {each}" for each in settings)
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-l", self._folder / "log", "-o", told, "start")
        self._machines.at("postgresql", lambda: create(self.port))

    def stop(self, mode: str = "fast") -> None:
        """End it: `immediate` is a crash, after which it recovers from its log at the next start."""
        with suppress(subprocess.CalledProcessError):  # it is down already
            self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """End it, and remove its data."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [find(program), *map(str, arguments)]
        nowhere = subprocess.DEVNULL
        self._machines.at(
            "postgresql",
            lambda: subprocess.run(command, check=True, user=self._account, cwd="/", stdout=nowhere, stderr=nowhere),
        )


class Redis:
    """A server that appends what is written, not started."""

    def __init__(self, folder: Path, machines: Machines) -> None:
        """With nothing in it; the member `redis` of these machines."""
        self._folder, self._machines, self.port = folder, machines, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its REDIS_URL."""
        return f"redis://{self._machines.address_of('redis')}:{self.port}/0"

    def start(self) -> None:
        """Return once it listens."""
        self._machines.at("redis", self._start)

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        options = ("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--dir", str(self._folder))
        listens = ("--port", str(self.port), "--bind", self._machines.bind, "--protected-mode", "no")
        command = [find("redis-server"), *listens, *options]
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, process_group=0)
        wait_for_port(self.port, self._process, log)

    def send(self, number: int) -> None:
        """Send it a signal: SIGSTOP hangs it, SIGCONT lets it go on, SIGKILL ends it."""
        if self._process is not None:
            self._process.send_signal(number)
            if number == signal.SIGKILL:
                self._process.wait()

    def say(self, *words: str) -> str:
        """What it answers to a command."""
        command = [find("redis-cli"), "-p", str(self.port), *words]
        told = self._machines.at("redis", lambda: subprocess.run(command, check=True, capture_output=True, text=True))
        return told.stdout.strip()

    def empty(self) -> None:
        """Forget all that was appended, while it is down."""
        shutil.rmtree(self._folder)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
            end(self._process)
