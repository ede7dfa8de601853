"""C6: two hundred gateways that know nothing ask at once; then the control plane is killed, and they come back to news.

A PostgreSQL and a web process as the product runs them; the gateways are 200 in this process, over real connections.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apim.up.services import WEB_THREADS
from benchmarks import processes
from benchmarks.herd_gateways import Herd, asking
from benchmarks.herd_probe import ask
from benchmarks.pages_server import postgresql
from benchmarks.subjects import Bench, Extent
from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors

_PATIENCE_S = 300.0
_SMALL, _PAGE = "/healthz/ready", "/"
_REPORT = json.dumps(
    {
        "software_version": "1", "host": "herd", "is_push_connected": False,
        "workers": [
            {"slot": slot, "pid": 1, "boot": "b", "started_at": 1, "revision": 1, "digest": "d", "access_seq": 1}
            for slot in range(2)
        ],
    }
).encode()  # fmt: skip


def herd(bench: Bench, extent: Extent) -> dict[str, object]:
    """Seconds until all know everything, and until all have heard of it again; what another caller waits meanwhile."""
    apis, applications, gateways = (20, 50, 10) if extent.is_short else (1_000, 10_000, 200)
    home = bench.folder / "herd"
    home.mkdir()
    bench.folder.chmod(0o711)  # PostgreSQL's account passes through
    with postgresql(bench.folder / "herd-data") as database:
        settings = {
            **os.environ, "APIM_HOME": str(home), "DATABASE_URL": database, "REDIS_URL": "",
            "DJANGO_SETTINGS_MODULE": "apim.config.settings",
        }  # fmt: skip
        made = _run(settings, f"--apis={apis}", f"--applications={applications}", f"--gateways={gateways}")
        credentials = made.pop("credentials")
        web = _Web(settings, bench)
        try:
            web.start()
            with asking(web.url, credentials) as those:
                cold = _settled(those, web)
                web.kill()
                those.want_more()
                _run(settings, "--revoke")  # takes seconds: all have failed and backed off by then
                web.start()
                warm = _settled(those, web)
            messages = {
                "a report": _cpu_ms(web, credentials, "report", _REPORT),
                "an ask without news": _cpu_ms(web, credentials, "sync", those.knowledge[0].ask(0.0)),
            }
            errors = those.tally.errors[:3]
        finally:
            web.kill()
    size = {"gateways": gateways, "applications": applications, **made}
    return {"size": size, "know nothing": cold, "come back": warm, "web CPU ms": messages, "errors": errors}


def _cpu_ms(web: _Web, credentials: list[dict[str, str]], door: str, body: bytes) -> float:
    """Milliseconds of the web's processors for one message, by many of different gateways one after another."""
    before = web.cpu_s()
    for each in credentials:
        doors = Doors(web.url, each["token"])
        ControlPlane(lambda doors=doors: doors).post(door, body)  # type: ignore[misc]
    return round((web.cpu_s() - before) / len(credentials) * 1000, 2)


def _run(settings: dict[str, str], *arguments: str) -> dict[str, Any]:
    """What the program that works on the database told."""
    command = [sys.executable, "-m", "benchmarks.herd_program", *arguments]
    ended = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


class _Web:
    """The web process, as `apim.up` starts it."""

    def __init__(self, settings: dict[str, str], bench: Bench) -> None:
        self._settings = settings
        self._log = bench.folder / "herd-web.log"
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--blocking-threads", str(WEB_THREADS), "--backpressure", str(WEB_THREADS * 4), "--no-ws",
            "apim.config.wsgi:application",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0
            )
        processes.wait_for_port(self.port, self._process, self._log)
        ask(self.port, _PAGE)  # the first call loads what is loaded late

    def kill(self) -> None:
        """`kill -9`, of all its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def cpu_s(self) -> float:
        """Processor seconds of its processes."""
        assert self._process is not None  # noqa: S101 - started before
        return processes.cpu_s(processes.family(self._process.pid))

    def rss_mib(self) -> int:
        """Memory of its processes."""
        assert self._process is not None  # noqa: S101 - started before
        return processes.rss_bytes(processes.family(self._process.pid)) // 1024**2


def _settled(those: Herd, web: _Web) -> dict[str, object]:
    """Wait until all know everything."""
    began = time.monotonic()
    busy, whole, sent = those.tally.busy, those.tally.whole, those.tally.answer_bytes
    most_mib = 0
    with _probing(web) as probes:
        while those.waiting and time.monotonic() - began < _PATIENCE_S:
            most_mib = max(most_mib, web.rss_mib())
            time.sleep(0.2)
    took = sorted(each.known_at - began for each in those.knowledge if each.known_at)
    return {
        "not there": those.waiting,
        "last_s": round(took[-1], 1) if took else None,
        "median_s": round(took[len(took) // 2], 1) if took else None,
        "told to come back": those.tally.busy - busy,
        "whole states sent": those.tally.whole - whole,
        "sent_mb": round((those.tally.answer_bytes - sent) / 1e6),
        "another caller p50_s, p99_s": _at(probes[_SMALL], 0.5, 0.99),
        "a page p50_s, p99_s": _at(probes[_PAGE], 0.5, 0.99),
        "calls": len(probes[_SMALL]),
        "answers p99_s": _at(those.tally.answered_s, 0.99),
        "web_rss_mib": most_mib,
    }


@contextmanager
def _probing(web: _Web) -> Iterator[dict[str, list[float]]]:
    """Seconds of calls, one after another, for as long as the block lasts, by path; one without an answer is 30 s."""
    command = [sys.executable, "-m", "benchmarks.herd_probe", str(web.port), _SMALL, _PAGE]
    probe = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    times: dict[str, list[float]] = {}
    try:
        yield times
    finally:
        times |= json.loads(probe.communicate()[0])


def _at(times: list[float], *shares: float) -> list[float]:
    ordered = sorted(times)
    return [round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) for share in shares] if ordered else []
