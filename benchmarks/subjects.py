"""What is measured: the upstream and this gateway, each as a configuration and a command; the peers are beside it.

Shapes: every subject listens on its port on loopback and hands requests to the upstream with a keep-alive pool.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import control, processes
from benchmarks.certificates import SEALING_KEY
from benchmarks.interpreters import best_interpreter
from benchmarks.load import Subject
from benchmarks.state import PEPPER, State, verify_key
from gateway_sync.runtime.compiled import VARIABLE, NotCompiled, compiled_root

ROOT = Path(__file__).resolve().parent.parent
BODY = json.dumps({"id": "acc-1", "holder": "Ada Byron", "currency": "EUR", "balance": "5379.50", "status": "open"})
POOL = 64


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a run keeps its files, and which cores it gives to whom."""

    folder: Path
    subject_cores: set[int]
    upstream_cores: set[int]
    load_cores: set[int]


@dataclass(frozen=True, slots=True)
class Build:
    """A form of the gateway: its title in the results, and what the environment must say to get it."""

    title: str
    wish: str
    is_cached: bool = False  # its bytecode is kept, whatever this environment says


@dataclass(frozen=True, slots=True)
class Form:
    """How a gateway is started; build None = any."""

    build: Build | None
    workers: int
    cores: set[int]


SOURCES = Build("apim", "no")
COMPILED = Build("apim compiled", "must")
WITH_BYTECODE = Build("apim", "no", is_cached=True)


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a run takes. Shapes: data is the folder that keeps what pages are measured over."""

    rounds: int
    seconds: int
    is_short: bool
    data: Path | None = None


@contextmanager
def upstream(bench: Bench) -> Iterator[int]:
    """The port of an nginx that answers BODY."""
    port = processes.free_port()
    server = (
        f"server {{ listen {port} backlog=4096; location / {{ default_type application/json; return 200 '{BODY}'; }} }}"
    )
    with running_nginx(bench, "upstream", server, port=port, cores=bench.upstream_cores):
        yield port


@contextmanager
def file_upstream(bench: Bench, body_bytes: int) -> Iterator[int]:
    """The port of an nginx that answers every request with a body of so many bytes, from a file of holes."""
    port = processes.free_port()
    body = bench.folder / "body"
    body.touch()
    os.truncate(body, body_bytes)
    server = f"server {{ listen {port}; root {bench.folder}; sendfile on; location / {{ try_files /body =404; }} }}"
    with running_nginx(bench, "file-upstream", server, port=port, cores=bench.upstream_cores):
        yield port


@contextmanager
def gateway(
    bench: Bench,
    state: State | control.Offer,
    name: str = "apim",
    build: Build | None = None,
    *,
    workers: int = 1,
    cores: set[int] | None = None,
) -> Iterator[Subject]:
    """Our own, fed by a control plane of the benchmark's own; of any build unless one is given."""
    home = bench.folder / name.replace(" ", "-")
    home.mkdir(exist_ok=True)
    offer = state if isinstance(state, control.Offer) else control.Offer(state)
    form = Form(build, workers, cores or bench.subject_cores)
    with control.serving(offer) as control_url, _gateway_process(bench, home, control_url, form) as subject:
        yield subject


def builds() -> list[Build]:
    """The forms of the gateway that can be measured: the sources, and their compiled copy where there is one."""
    try:
        return [SOURCES, COMPILED] if compiled_root() is not None else [SOURCES]
    except NotCompiled:
        return [SOURCES]


def compile_gateway() -> None:
    """Have script/compile make the compiled copy; without a C compiler there is none."""
    subprocess.run([ROOT / "script" / "compile"], check=False)


@contextmanager
def gateway_from_disk(bench: Bench, name: str) -> Iterator[Subject]:
    """The sources on the data that a gateway kept, with no control plane to ask; keeps the bytecode of modules."""
    nowhere = f"http://127.0.0.1:{processes.free_port()}"
    with _gateway_process(bench, bench.folder / name, nowhere, Form(WITH_BYTECODE, 1, bench.subject_cores)) as subject:
        yield subject


@contextmanager
def _gateway_process(bench: Bench, home: Path, control_url: str, form: Form) -> Iterator[Subject]:
    build, log = form.build, bench.folder / f"{home.name}.log"
    port, admin_port, tls_port = (processes.free_port() for _ in range(3))
    credentials = home / "credentials.json"
    credentials.touch(mode=0o600)
    credentials.write_text(
        json.dumps(
            {
                "control_url": control_url,
                "token": "benchmark",
                "pepper": PEPPER.hex(),
                "verify_key": verify_key(),
                "redis_url": f"unix://{home / 'no-redis.sock'}",
                "environment": "default",
                "sealing_key": SEALING_KEY.hex(),
            }
        )
    )
    interpreter = best_interpreter()
    environment = interpreter.environment(str(ROOT))
    if build is not None:
        environment[VARIABLE] = build.wish
        if build.is_cached:
            environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bench.folder / "bytecode")}
    command = [
        interpreter.program, "-m", "gateway_sync.runtime", "--home", home, "--port", port, "--admin-port", admin_port,
        "--tls-port", tls_port, "--workers", form.workers, "--bind", "127.0.0.1", "--credentials", credentials,
    ]  # fmt: skip
    started = processes.running([str(part) for part in command], form.cores, log, environment)
    with started as process:
        processes.wait_for_port(port, process, log)
        yield Subject(build.title if build else "apim", port, process.pid, admin_port, tls_port)


@contextmanager
def running_nginx(
    bench: Bench, name: str, server: str, *, port: int, cores: set[int], modules: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """nginx with these servers, listening on the port."""
    config = bench.folder / f"{name}.conf"
    config.write_text(f"""
{modules}
{"user root;" if os.geteuid() == 0 else ""}
daemon off; worker_processes 1; pid {bench.folder}/{name}.pid; error_log {bench.folder}/{name}.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; proxy_max_temp_file_size 0; keepalive_requests 1000000000; {_temporary(bench.folder / name)}
  {server}
}}
""")
    command = [found("nginx"), "-p", bench.folder, "-c", config]
    if modules:
        (bench.folder / "modules").unlink(missing_ok=True)
        (bench.folder / "modules").symlink_to("/usr/lib/nginx/modules")
    with started(bench, name, command, port=port, cores=cores) as process:
        yield process


def _temporary(folder: Path) -> str:
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{name}_temp_path {folder}-{name};" for name in names)


@contextmanager
def started(
    bench: Bench, name: str, command: Sequence[object], *, port: int, cores: set[int]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens on its port."""
    log = bench.folder / f"{name}.log"
    with processes.running([str(part) for part in command], cores, log) as process:
        processes.wait_for_port(port, process, log)
        yield process


def found(program: str) -> str | None:
    """Where an installed program is."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
