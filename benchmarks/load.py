"""The load: wrk with ten request headers, the path and one header different from request to request."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.certificates import HOST

CONNECTIONS = 32
VARIANTS = 1024
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) apim-bench/1.0",
    "Accept": "application/json, text/plain, */*",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.7",
    "Accept-Encoding": "gzip, deflate, br",
    "Cache-Control": "no-cache",
    "Cookie": "session=2a7c1f0be5d94c1f8d02; theme=dark",
    "Referer": "https://shop.example.com/checkout/payment",
    "X-Client-Version": "4.12.1",
}  # with Host and the key: ten; X-Request-Id, which varies, is the one more
_SCRIPT = """
local requests, n, i = {}, 0, 0
function init(args)
  for line in io.lines(args[1]) do
    local path, key, id = line:match("^(%S+) (%S+) (%S+)$")
    wrk.headers["X-API-Key"] = key
    wrk.headers["X-Request-Id"] = id
    n = n + 1
    requests[n] = wrk.format("GET", path)
  end
end
function request()
  i = i % n + 1
  return requests[i]
end
--CHECK--
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.status, summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""
_CHECK = """
local wrong = 0
function response(status, headers, body)
  if status ~= 200 or body ~= --BODY-- then
    wrong = wrong + 1
    if wrong == 1 then io.write(string.format("WRONG %d %s\\n", status, body:sub(1, 200))) end
  end
end
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One variant of the request."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server under measurement."""

    name: str
    port: int
    pid: int
    admin_port: int = 0
    tls_port: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of wrk.

    Shapes: failed are answers other than a success, and connections that broke, of calls where they may.
    Units: latencies in microseconds; cpu_us is processor time of the subject a request; generator is the share of its
    core that wrk used, at 0.95 or more it was the limit.
    """

    requests: int
    failed: int
    requests_per_s: float
    p50_us: int
    p99_us: int
    cpu_us: float
    generator: float
    rss_bytes: int


class WrongAnswerError(Exception):
    """A subject answered something else than the upstream did: whatever it is, it is not a result."""


def write_calls(calls: Sequence[Call], folder: Path) -> Path:
    """The file of variants that wrk reads."""
    path = folder / "calls.txt"
    lines = [f"{call.path} {call.key} req-{number:08d}" for number, call in enumerate(calls)]
    path.write_text("\n".join(lines) + "\n")
    return path


def check_answers(port: int, calls: Path, body: str, cores: set[int]) -> None:
    """One second of load in which every answer's status and body are compared.

    Errors: WrongAnswerError.
    """
    output, _, _ = _wrk(port, calls, 1, cores, check=_CHECK.replace("--BODY--", json.dumps(body)))
    if "WRONG" in output:
        raise WrongAnswerError(next(line for line in output.splitlines() if "WRONG" in line))
    _numbers(output)


@dataclass(frozen=True, slots=True)
class Manner:
    """How the load comes.

    Shapes: https goes to the subject's TLS port; is_anew = each call on a connection of its own; between two calls of a
    connection it waits so long, on the average.
    """

    connections: int = CONNECTIONS
    wait_ms: int = 0
    is_https: bool = False
    is_anew: bool = False

    @property
    def script(self) -> str:
        """What the script of wrk has more."""
        if not self.wait_ms:
            return ""
        return f"function delay() return math.random({self.wait_ms // 2}, {self.wait_ms + self.wait_ms // 2}) end"


STEADY = Manner()


def measure(
    subject: Subject, calls: Path, seconds: int, cores: set[int], *, manner: Manner = STEADY, may_fail: bool = False
) -> Measured:
    """One measured run against a subject.

    Errors: WrongAnswerError for a status that is no success, or a broken connection, unless they are to be counted.
    """
    pids = processes.family(subject.pid)
    before = processes.cpu_s(pids)
    port = subject.tls_port if manner.is_https else subject.port
    output, generator_s, wall_s = _wrk(port, calls, seconds, cores, manner=manner)
    used_s = processes.cpu_s(pids) - before
    requests, failed, duration_us, p50_us, p99_us = _numbers(output, may_fail=may_fail)
    return Measured(
        requests=requests,
        failed=failed,
        requests_per_s=requests / (duration_us / 1e6),
        p50_us=p50_us,
        p99_us=p99_us,
        cpu_us=used_s / requests * 1e6,
        generator=generator_s / wall_s,
        rss_bytes=processes.rss_bytes(pids),
    )


def _wrk(
    port: int, calls: Path, seconds: int, cores: set[int], *, check: str = "", manner: Manner = STEADY
) -> tuple[str, float, float]:
    script = calls.with_name("load.lua" if not check else "check.lua")
    script.write_text(_SCRIPT.replace("--CHECK--", check + manner.script))
    command = ["taskset", "-c", ",".join(map(str, sorted(cores))), "wrk", "-t", "1", "-c", str(manner.connections)]
    command += ["-d", f"{seconds}s", "--timeout", "5s", "-s", str(script)]
    for name, value in HEADERS.items():
        command += ["-H", f"{name}: {value}"]
    if manner.is_anew:
        command += ["-H", "Connection: close"]
    address = f"https://{HOST}:{port}/" if manner.is_https else f"http://127.0.0.1:{port}/"
    before = os.times()
    ended = subprocess.run([*command, address, "--", str(calls)], capture_output=True, text=True, check=False)
    after = os.times()
    if ended.returncode != 0:
        raise WrongAnswerError(ended.stdout + ended.stderr)
    used_s = after.children_user - before.children_user + after.children_system - before.children_system
    return ended.stdout, used_s, after.elapsed - before.elapsed


def _numbers(output: str, *, may_fail: bool = False) -> tuple[int, int, int, int, int]:
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    requests, duration_us, *errors, p50_us, p99_us = (int(number) for number in line.split()[1:])
    if not requests or (any(errors) and not may_fail):
        names = ("connect", "read", "write", "status", "timeout")
        told = ", ".join(f"{count} {name}" for name, count in zip(names, errors, strict=True) if count)
        message = f"errors: {told or 'no answer at all'}"
        raise WrongAnswerError(message)
    return requests, sum(errors), duration_us, p50_us, p99_us
