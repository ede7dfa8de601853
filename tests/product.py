"""The whole product, started as a user starts it, for tests that talk to it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from apim.up.options import ROOT
from tests import schema
from tests.ports import free_ports
from tests.waiting import PATIENCE_S

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Product:
    """A running product: what --json said, and the process that said it."""

    home: Path
    web: str
    gateway: str
    gateway_admin: str
    token: str
    example_url: str
    example_key: str
    process: subprocess.Popen[str]
    started_in_s: float
    admin_email: str = ADMIN_EMAIL
    admin_password: str = ADMIN_PASSWORD

    def log(self, name: str) -> str:
        """What a child wrote so far."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory and ports of its own, so that products run side by side."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment for a start here."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("APIM_", "DJANGO_", "PYTEST_"))
        }
        if not os.environ.get("APIM_TEST_KEEP_SERVERS"):
            kept.pop("DATABASE_URL", None)
            kept.pop("REDIS_URL", None)
        return {**kept, **self.variables, "APIM_HOME": str(self.home)}


def new_place(home: Path, **variables: str) -> Place:
    """A place whose ports are free now."""
    web, gateway, admin, stripe, example, _ = free_ports(6)  # the second sample service takes the next one
    ports = {
        "APIM_WEB_PORT": str(web),
        "APIM_GATEWAY_PORT": str(gateway),
        "APIM_GATEWAY_ADMIN_PORT": str(admin),
        "APIM_EXAMPLE_PORT": str(example),
        "APIM_STRIPE_PORT": str(stripe),
        "APIM_GATEWAY_WORKERS": "2",
        "APIM_ADMIN_EMAIL": ADMIN_EMAIL,
        "APIM_ADMIN_PASSWORD": ADMIN_PASSWORD,
    }
    return Place(home, {**ports, **variables})


def prepared_place(home: Path, **variables: str) -> Place:
    """A place whose database was migrated already, for products whose first start is not what a test is about."""
    schema.put_in_home(home)
    return new_place(home, **variables)


def start(place: Place, *arguments: str) -> subprocess.Popen[str]:
    """The launcher, started and not waited for."""
    return subprocess.Popen(
        (sys.executable, "-m", "apim.up", *arguments),
        cwd=ROOT,
        env=place.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to refuse: what it said and its exit code."""
    process = start(place, *arguments)
    try:
        out, error = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        stop(process)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def wait_until_ready(place: Place, process: subprocess.Popen[str]) -> Product:
    """The product, once the launcher says that it is ready."""
    started_at = time.monotonic()
    assert process.stdout is not None
    line = process.stdout.readline()  # ends early when the launcher does
    if not line:
        _, error = process.communicate(timeout=PATIENCE_S)
        logs = "".join(
            f"\n== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in (place.home / "logs").glob("*.log")
        )
        message = f"the product did not start: {error}{logs}"
        raise AssertionError(message)
    told = json.loads(line)
    example = told["example"] or {"url": "", "key": ""}
    return Product(
        home=place.home,
        web=told["web"],
        gateway=told["gateway"],
        gateway_admin=told["gateway_admin"],
        token=told["token"],
        example_url=example["url"],
        example_key=example["key"],
        process=process,
        started_in_s=time.monotonic() - started_at,
    )


def is_in_force(product: Product) -> bool:
    """True when every worker of the gateway has all that was changed so far; no call is made for that.

    By digest: a change that comes to the same state is published under a new revision and not sent.
    """
    token = {"Authorization": f"Bearer {product.token}"}
    api = f"{product.web}/api/v1"
    environment = httpx.get(f"{api}/environments/default", headers=token, timeout=PATIENCE_S).json()
    newest = httpx.get(f"{api}/publications?limit=1", headers=token, timeout=PATIENCE_S).json()["data"][0]
    workers = httpx.get(f"{product.gateway_admin}/status", timeout=PATIENCE_S).json()["workers"]
    wanted = (newest["digest"], environment["access_seq"])
    return not environment["is_waiting_to_publish"] and all(
        (worker["digest"], worker["access_seq"]) == wanted for worker in workers
    )


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT) -> float:
    """End the launcher; the seconds that it took."""
    started_at = time.monotonic()
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return time.monotonic() - started_at


@contextmanager
def running(place: Place, *arguments: str) -> Iterator[Product]:
    """The product for as long as the block lasts."""
    process = start(place, "--json", *arguments)
    try:
        yield wait_until_ready(place, process)
    finally:
        stop(process)


def processes_of(home: Path) -> dict[int, str]:
    """The command line of every process whose environment names this data directory; Linux only."""
    wanted = f"APIM_HOME={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:  # it ended meanwhile
            continue
    return {pid: command for pid, command in found.items() if command}  # zombies have none
