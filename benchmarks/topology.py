"""The whole product as plain processes: two web, two Celery, publishing, beat, two gateways, a balancer, both stores.

Owns: how each is started, and started again when it ended. Its commands are those of script/up, the balancer's
configuration that of docker-compose.yml. To be used from one thread: the kernel ends a child with the one that made it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from apim.up import services
from apim.up.options import ROOT, Options, read_options
from apim.up.probes import access_seqs, answers_ok
from apim.up.process import Process
from benchmarks.machines import Machines, Told
from benchmarks.pages_server import find
from benchmarks.processes import family, free_port
from benchmarks.stores import PostgreSQL, Redis

GATEWAYS = ("gateway1", "gateway2")
RESTART_S = 0.5
ANSWER_S = 20.0  # a busy machine must not make the whole seem dead
PATIENCE_S = 300.0
# Without a quota: what is left of one cannot be confirmed while Redis is gone, and then a hard one refuses.
_PLAN = """
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: starter }
spec:
  displayName: Starter
  approval: auto
  limits:
    - { rate: 1000000/s, burst: 1000000 }
"""


@dataclass(slots=True)
class Member:
    """A process to keep running. Shapes: ended_at 0 = it runs."""

    name: str
    command: tuple[str, ...]
    process: Process | None = None
    ended_at: float = 0.0
    restarts: int = 0

    @property
    def pids(self) -> list[int]:
        """Its process first, then those that this made; empty while it is down."""
        if self.process is None or self.process.exit_code() is not None:
            return []
        return family(self.process.group)


@dataclass
class Topology:
    """Shapes: ports by the name of who listens there; token is an admin's, key that of an application with a plan."""

    home: Path
    postgresql: PostgreSQL
    redis: Redis
    ports: dict[str, int]
    variables: Mapping[str, str] = field(default_factory=dict)
    machines: Machines = field(default_factory=Machines)
    members: dict[str, Member] = field(default_factory=dict)
    token: str = ""
    key: str = ""
    is_kept: bool = True

    @property
    def web(self) -> str:
        """Where the balancer takes what is for web."""
        return self.url("balancer")

    def url(self, name: str) -> str:
        """Where a member that callers and people reach listens."""
        return f"http://{self.machines.address_of(name)}:{self.ports[name]}"

    def admin(self, name: str, ask: Callable[[str], Told]) -> Told:
        """What is said when the admin port of a gateway is asked, which only its own machine can do."""
        return self.machines.at(name, lambda: ask(f"http://127.0.0.1:{self.ports[f'{name}-admin']}"))

    def status(self, name: str) -> dict[str, Any]:
        """What a gateway says of itself. Errors: OSError."""
        return self.admin(name, lambda url: _json(f"{url}/status"))

    def rest(self, method: str, path: str, body: object = None, once: str = "") -> dict[str, Any]:
        """What the REST API answers; sent again under the same `once` it has no second effect. Errors: OSError."""
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        head |= {"Idempotency-Key": once} if once else {}
        return _json(f"{self.web}/api/v1/{path}", method=method, head=head, body=body)

    def tick(self) -> None:
        """Start again what ended a moment ago."""
        now = time.monotonic()
        for member in self.members.values():
            if member.process is not None and member.process.exit_code() is not None:
                member.process.kill_group()  # as a container or a control group does
                member.process, member.ended_at = None, now
            elif member.process is None and self.is_kept and now - member.ended_at > RESTART_S:
                self._start(member)
                member.restarts += 1

    def wait_until(self, condition: Callable[[], bool], what: str, *, pause_s: float = 0.1) -> float:
        """The seconds until it held, while all is kept running. Errors: TimeoutError."""
        began = time.monotonic()
        while not _holds(condition):
            if time.monotonic() - began > PATIENCE_S:
                message = f"after {PATIENCE_S:.0f} s still not: {what}; logs are in {self.home / 'logs'}"
                raise TimeoutError(message)
            self.tick()
            time.sleep(pause_s)
        return time.monotonic() - began

    def is_ready(self) -> bool:
        """True when web is reached and each gateway serves."""
        return _is_ready(self.web) and all(self.admin(name, _is_ready) for name in GATEWAYS)

    def has_converged(self) -> bool:
        """True when each worker of each gateway has all that was changed so far. Errors: OSError."""
        environment = self.rest("GET", "environments/default")
        newest = self.rest("GET", "publications?limit=1")["data"][0]["digest"]
        workers = [worker for name in GATEWAYS for worker in self.status(name)["workers"]]
        wanted = (newest, environment["access_seq"])
        return not environment["is_waiting_to_publish"] and all(
            (worker["digest"], worker["access_seq"]) == wanted for worker in workers
        )

    def start(self) -> None:
        """Return when all of it serves, and the plan of the key has no limit that is felt."""
        (self.home / "logs").mkdir(parents=True)
        self.postgresql.start()
        self.redis.start()
        options = self._options()
        prepared = self._prepare(options)
        self.token, self.key = prepared["token"], prepared["key"]
        for name, command in _commands(self, options).items():
            self.members[name] = Member(name, command)
            self._start(self.members[name])
        self.wait_until(self.is_ready, "all serve")
        self.rest("POST", "documents/apply", {"documents": _PLAN, "files": {}})
        seq = prepared["access_seq"]
        self.wait_until(lambda: all(min(self.admin(name, access_seqs) or [0]) >= seq for name in GATEWAYS), "the key")
        self.wait_until(self.has_converged, "the plan is in force")

    def stop(self) -> None:
        """End everything; what is still there then is killed."""
        self.is_kept = False
        running = [member.process for member in self.members.values() if member.process is not None]
        for process in running:
            process.ask_to_end()
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and any(process.exit_code() is None for process in running):
            time.sleep(0.05)
        for process in running:
            process.kill_group()
            process.wait()
        self.redis.stop()
        self.postgresql.remove()

    def __enter__(self) -> Self:
        """Started."""
        with ExitStack() as stack:
            stack.callback(self.stop)
            self.start()
            stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stopped."""
        self.stop()

    def environment(self) -> dict[str, str]:
        """That of each process."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("APIM_", "DJANGO_", "PYTEST_"))}
        return {
            **kept,
            "APIM_HOME": str(self.home),
            "APIM_BASE_URL": self.web,
            "APIM_ALLOWED_HOSTS": f"127.0.0.1,localhost,{self.machines.address_of('balancer')}",
            "DATABASE_URL": self.postgresql.url,
            "REDIS_URL": self.redis.url,
            "DJANGO_SETTINGS_MODULE": "apim.config.settings",
            "PYTHONUNBUFFERED": "1",
            **self.variables,
        }

    def _start(self, member: Member) -> None:
        log = self.home / "logs" / f"{member.name}.log"
        member.process = self.machines.at(member.name, lambda: Process(member.command, self.environment(), log))

    def _options(self) -> Options:
        """Those of script/up for this place."""
        plain = read_options(["--json"], {"APIM_HOME": str(self.home), "APIM_GATEWAY_WORKERS": "2"})
        return replace(plain, example_port=self.ports["service"], bind=self.machines.bind)

    def _prepare(self, options: Options) -> dict[str, Any]:
        home = self.home
        command = [
            sys.executable, "manage.py", "prepare_installation", "--fresh",
            "--credentials", str(home / GATEWAYS[0] / "gateway" / "credentials.json"),
            "--another-gateway", f"{GATEWAYS[1]}={home / GATEWAYS[1] / 'gateway' / 'credentials.json'}",
            "--control-url", self.web, "--gateway-url", self.url(GATEWAYS[0]),
            "--example", str(ROOT / "examples" / "bank" / "apim.yaml"), "--example-port", str(options.example_port),
        ]  # fmt: skip
        (home / "run").mkdir(exist_ok=True)
        with (home / "logs" / "prepare.log").open("ab") as log:
            ended = subprocess.run(
                command, cwd=ROOT, env=self.environment(), check=True, stdout=subprocess.PIPE, stderr=log
            )
        told: dict[str, Any] = json.loads(ended.stdout)
        return told


def topology(home: Path, variables: Mapping[str, str] | None = None, machines: Machines | None = None) -> Topology:
    """One that is not started; home is made."""
    machines = machines or Machines()
    home.mkdir(parents=True, exist_ok=True)
    names = ("web1", "web2", "balancer", "balancer-gateways", "service")
    ports = {name: free_port() for name in (*names, *GATEWAYS, *(f"{name}-admin" for name in GATEWAYS))}
    stores = (PostgreSQL(machines), Redis(home / "redis", machines))
    return Topology(home, *stores, ports, variables or {}, machines)


def _commands(place: Topology, options: Options) -> dict[str, tuple[str, ...]]:
    """By name, in the order of their start."""
    commands: dict[str, tuple[str, ...]] = {}
    for name in {place.machines.machine_of(name): name for name in GATEWAYS}.values():  # at 127.0.0.1 of each gateway
        commands[f"service-{name}"] = (sys.executable, "-m", "benchmarks.soak_service", str(place.ports["service"]))
    for name in ("web1", "web2"):
        web, publishing = services.control_plane(replace(options, web_port=place.ports[name]))
        commands[name] = web.command
    commands["publishing"] = publishing.command
    worker, beat = services.background(options)
    for number in (1, 2):
        commands[f"celery{number}"] = tuple(part.replace("worker@", f"worker{number}@") for part in worker.command)
    commands["beat"] = beat.command
    commands["balancer"] = (find("haproxy"), "-db", "-f", str(_balancer(place)))
    for name in GATEWAYS:
        own = replace(
            options,
            home=place.home / name,
            gateway_port=place.ports[name],
            gateway_admin_port=place.ports[f"{name}-admin"],
        )
        commands[name] = services.gateway(own).command
    return commands


def _balancer(place: Topology) -> Path:
    """The balancer's configuration of docker-compose.yml with the addresses of this place."""
    text, ports = (ROOT / "examples" / "compose" / "balancer.cfg").read_text(), place.ports
    for name, inner in (("web1", 8000), ("web2", 8000), ("gateway1", 8080), ("gateway2", 8080)):
        text = text.replace(f"{name}:{inner}", f"{place.machines.address_of(name)}:{ports[name]}")
    text = text.replace("bind :8000", f"bind {place.machines.bind}:{ports['balancer']}")
    text = text.replace("bind :8080", f"bind {place.machines.bind}:{ports['balancer-gateways']}")
    path = place.home / "balancer.cfg"
    path.write_text(text)
    return path


def _is_ready(url: str) -> bool:
    return answers_ok(f"{url}/healthz/ready", ANSWER_S)


def _holds(condition: Callable[[], bool]) -> bool:
    """False also while those who would tell are down."""
    try:
        return condition()
    except OSError:
        return False


def _json(
    url: str, *, method: str = "GET", head: Mapping[str, str] | None = None, body: object = None
) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, dict(head or {}), method=method)  # noqa: S310 - of this machine
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - of this machine
            told: dict[str, Any] = json.loads(answer.read() or b"{}")
    except HTTPException as error:  # who answered was killed in the middle of it
        message = f"{method} {url}: {error!r}"
        raise ConnectionError(message) from error
    return told
