"""A soak: the gateway at half load for minutes, while states change, workers are killed and a service flaps.

Shapes: what must hold is that no answer is wrong, that nothing leaks, and that each call is counted exactly once; what
does not is a sentence in `faults`. Calls that broke with their worker may be counted as indeterminate.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from statistics import mean

from benchmarks import probes, processes, soak_callers, subjects
from benchmarks.certificates import HOST, Certificate, make_certificate, with_certificate
from benchmarks.control import Offer
from benchmarks.interpreters import best_interpreter
from benchmarks.load import Subject
from benchmarks.memory import resident_bytes
from benchmarks.soak_callers import Caller, Ground, HTTP2Caller
from benchmarks.soak_tally import Tally
from benchmarks.soak_tunnels import keep_tunnels
from benchmarks.state import Size, State, calls_of, make_rows, state_of
from benchmarks.subjects import ROOT, Bench
from gateway_sync.rows import APIRow, OperationRow, TargetRow
from gateway_sync.usage_wire import decode_batch

SIZE = Size(routes=40, keys=100)
WORKERS = 2
CALLERS = 48
TUNNELS = 4
RELOAD_S = 1.0
FULL_S = 3.0
SETTLE_S = 90.0
LONG_S = 120.0  # from here on memory is a matter of judgement
MOST_GROWTH = 16 * 2**20
SPARE = (4, 4, 4, 64)  # of what a Level counts: what comes and goes, among it some generations of a state
KILLS_ANYWHERE = 0.4  # of the run; then the first slot's worker is left to live, so that a leak would show


@dataclass(frozen=True, slots=True)
class Level:
    """What the processes of a gateway hold while nobody calls; files = of its state on disk."""

    supervisor_descriptors: int
    worker_descriptors: int
    spool_files: int
    files: int

    def is_like(self, other: Level) -> bool:
        """True when it is as much as another level, but for what comes and goes."""
        most = [held + spare for held, spare in zip(astuple(other), SPARE, strict=True)]
        return all(mine <= bound for mine, bound in zip(astuple(self), most, strict=True))


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run lasts, and how many calls a second it makes at most; seed makes its chances."""

    seconds: float
    most_per_s: float
    seed: int = 1


class Soak:
    """One run against one gateway, whose data are in home."""

    def __init__(self, subject: Subject, home: Path, offer: Offer, ground: Ground) -> None:
        """Nothing has happened yet."""
        self._subject, self._home, self._offer, self._ground = subject, home, offer, ground
        self.revision = 1
        self.kills = 0
        self.rss: dict[int, list[int]] = {}

    async def workers(self) -> list[dict[str, object]]:
        """What runs in the slots."""
        return await asyncio.to_thread(_workers_of, self._subject)

    async def reload(self, state: Callable[[int], State]) -> None:
        """Another state each second; state makes the one of a revision."""
        while not self._ground.is_over:
            await asyncio.sleep(RELOAD_S)
            self.revision += 1
            self._offer.replace(await asyncio.to_thread(state, self.revision))

    async def kill(self, seconds: float) -> None:
        """Kill a worker now and then, in a run of so many seconds."""
        began, chance, ground = time.monotonic(), self._ground.chance, self._ground
        while not ground.is_over:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * min(6.0, seconds / 6))
            first = 0 if time.monotonic() - began < seconds * KILLS_ANYWHERE else 1
            worker = (await self.workers())[chance.randrange(first, WORKERS)]
            if worker["revision"] and not ground.is_over:
                ground.tally.killed(str(worker["boot"]))
                ground.last_kill = time.monotonic()
                with suppress(ProcessLookupError):
                    os.kill(int(str(worker["pid"])), signal.SIGKILL)
                self.kills += 1

    async def watch(self) -> None:
        """Note the memory of the supervisor and of the first worker."""
        while not self._ground.is_over:
            for pid in (self._subject.pid, int(str((await self.workers())[0]["pid"]))):
                with suppress(OSError, StopIteration):  # it may just have been killed
                    size = resident_bytes(pid)
                    self.rss.setdefault(pid, []).append(size)
            await asyncio.sleep(1)

    async def level(self) -> Level:
        """What is held now. Errors: OSError while a worker starts."""
        pids = [int(str(worker["pid"])) for worker in await self.workers()]
        return await asyncio.to_thread(_level_of, self._home, self._subject.pid, pids)

    async def settle(self, before: Level) -> Level:
        """What is held once all calls are counted, the last state is in force and nothing more is held than before.

        A fault when that does not come to be within SETTLE_S.
        """
        deadline = time.monotonic() + SETTLE_S
        while True:
            with suppress(OSError):
                after = await self.level()
                is_last = all(worker["revision"] == self.revision for worker in await self.workers())
                if is_last and not self._ground.tally.waiting() and after.is_like(before):
                    return after
                if time.monotonic() > deadline:
                    waiting = self._ground.tally.waiting()
                    self._ground.tally.fault(
                        f"not at rest: {waiting} calls without a record, {after} after {before}, last state: {is_last}"
                    )
                    return after
            await asyncio.sleep(0.2)

    def judge_memory(self) -> None:
        """A fault for a process that grew for most of the run."""
        for pid, sizes in self.rss.items():
            fifth = len(sizes) // 5
            grown = mean(sizes[-fifth:]) - mean(sizes[fifth : 2 * fifth]) if fifth else 0
            if len(sizes) > LONG_S and grown > MOST_GROWTH:
                self._ground.tally.fault(f"process {pid} grew by {grown / 2**20:.1f} MiB in {len(sizes)} s")


async def run(
    soak: Soak, ground: Ground, others: Sequence[Callable[[], Coroutine[None, None, None]]], extent: Length
) -> dict[str, object]:
    """The figures of a run, while the others work too."""
    idle: deque[Caller] = deque()
    callers = [Caller(ground, idle) for _ in range(CALLERS)]
    tally, before = ground.tally, await soak.level()
    for caller in callers:
        await caller.connect()
    full_s = min(FULL_S, extent.seconds / 5)
    await soak_callers.ask_all(ground, idle, full_s)
    full = tally.counts.total() / full_s
    rate = min(full / 2, extent.most_per_s)
    began, counted = time.monotonic(), tally.counts.total()
    works = [soak_callers.pace(ground, idle, rate), soak.kill(extent.seconds), soak.watch()]
    works += [_call_by_http2(ground, min(50.0, rate / 10)), *(keep_tunnels(ground) for _ in range(TUNNELS))]
    tasks = [asyncio.create_task(work) for work in (*works, *(other() for other in others))]
    await asyncio.sleep(extent.seconds)
    ground.is_over = True
    await asyncio.gather(*tasks)
    lasted_s = time.monotonic() - began
    answered = sum(tally.counts[name] for name in tally.counts if name.isdigit()) - counted
    for caller in callers:
        caller.transport.close()
    after = await soak.settle(before)
    tally.conclude()
    soak.judge_memory()
    return {
        "seconds": round(lasted_s),
        "calls a second": {"full load": round(full), "asked": round(rate), "answered": round(answered / lasted_s)},
        "answers": {name: tally.counts[name] for name in sorted(tally.counts) if name.isdigit()},
        "broken": tally.counts["broken"],
        "of these counted as indeterminate": tally.counts["indeterminate"],
        "workers killed": soak.kills,
        "states applied": soak.revision,
        "held before": asdict(before),
        "held after": asdict(after),
        "rss_mib": {pid: [round(sizes[0] / 2**20), round(sizes[-1] / 2**20)] for pid, sizes in soak.rss.items()},
        "faults": tally.faults,
    }


def heard(state: State, tally: Tally) -> Offer:
    """The control plane of a run, whose tally hears of each record from the first one on.

    Who waits for the gateway to answer is counted too: heard later, what is then shipped would look like a gap.
    """

    def note(body: bytes) -> None:
        batch = decode_batch(body)
        tally.noted(batch.boot, batch.records)

    offer = Offer(state)
    offer.take_usage = note
    return offer


def soak(bench: Bench, extent: Length) -> dict[str, object]:
    """A run against a gateway with two workers and two services, one of which flaps."""
    everything = bench.subject_cores | bench.load_cores
    certificate = make_certificate()
    with ExitStack() as stack:
        services = [stack.enter_context(_service(bench, f"service{number}")) for number in range(2)]
        ports = [port for port, _ in services]

        def state(revision: int) -> State:
            return _state(certificate, ports, revision)

        tally = Tally()
        offer = heard(state(1), tally)
        running = subjects.gateway(bench, offer, "soak", workers=WORKERS, cores=everything)
        subject = stack.enter_context(running)
        _wake(subject, tally)
        context = ssl.create_default_context(cadata=certificate.chain)
        context.set_alpn_protocols(["h2"])
        chance = random.Random(extent.seed)  # noqa: S311 - no secret
        ground = Ground(subject.port, subject.tls_port, context, SIZE, chance, tally)
        held = Soak(subject, bench.folder / "soak", offer, ground)
        others = (lambda: held.reload(state), lambda: _flap(ground, services[1][1]))
        return asyncio.run(run(held, ground, others, extent))


def _wake(subject: Subject, tally: Tally) -> None:
    """Every worker has answered and its record came: from now on the supervisor holds open what it holds of each.

    Errors: TimeoutError.
    """
    deadline = time.monotonic() + probes.WITHIN_S
    while True:
        probes.wait_for_answer(subject.port, calls_of(SIZE)[0])
        if all(tally.has_heard_of(str(worker["boot"])) for worker in _workers_of(subject)):
            return
        if time.monotonic() > deadline:
            message = f"no record of some of {_workers_of(subject)} came"
            raise TimeoutError(message)
        time.sleep(0.01)


def _level_of(home: Path, supervisor: int, workers: Sequence[int]) -> Level:
    (state,) = (path for path in home.iterdir() if path.is_dir())
    return Level(
        len(list(Path(f"/proc/{supervisor}/fd").iterdir())),
        max(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers),
        len(list((state / "spool").iterdir())),
        len([path for path in state.rglob("*") if path.is_file()]),
    )


def _state(certificate: Certificate, ports: list[int], revision: int) -> State:
    """Odd APIs have both services as targets, even ones the first alone; each route takes GET and POST."""
    rows = make_rows(SIZE, ports[0], revision)
    apis = tuple(_changed(api, ports if number % 2 else ports[:1]) for number, api in enumerate(rows.apis))
    return state_of(SIZE, with_certificate(replace(rows, apis=apis), certificate), revision)


def _changed(api: APIRow, ports: list[int]) -> APIRow:
    (version,) = api.versions
    posts = tuple(OperationRow("POST", operation.path) for operation in version.operations)
    upstream = replace(version.upstream, targets=tuple(TargetRow(f"http://127.0.0.1:{port}") for port in ports))
    return replace(api, versions=(replace(version, operations=(*version.operations, *posts), upstream=upstream),))


@contextmanager
def _service(bench: Bench, name: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a service."""
    port, interpreter, log = processes.free_port(), best_interpreter(), bench.folder / f"{name}.log"
    command = [interpreter.program, "-m", "benchmarks.soak_service", str(port)]
    with processes.running(command, bench.upstream_cores, log, interpreter.environment(str(ROOT))) as process:
        processes.wait_for_port(port, process, log)
        yield port, process.pid


async def _flap(ground: Ground, pid: int) -> None:
    """Turn the second service from mood to mood; it is left in a good one."""
    turns = 0
    while not ground.is_over or turns % 2:
        await asyncio.sleep(0.1 if ground.is_over else ground.chance.uniform(0.5, 3.0))
        os.kill(pid, signal.SIGUSR1)
        turns += 1


async def _call_by_http2(ground: Ground, rate: float) -> None:
    caller: HTTP2Caller | None = None
    while not ground.is_over:
        if caller is None or caller.is_closed:
            with suppress(OSError):
                _, caller = await asyncio.get_running_loop().create_connection(
                    lambda: HTTP2Caller(ground), "127.0.0.1", ground.tls_port, ssl=ground.context, server_hostname=HOST
                )
        else:
            caller.ask(ground.question(has_body=False))
        await asyncio.sleep(1 / rate)
    if caller is not None:
        await caller.close()


def _workers_of(subject: Subject) -> list[dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", subject.admin_port, timeout=60)
    try:
        connection.request("GET", "/status")
        workers: list[dict[str, object]] = json.loads(connection.getresponse().read())["workers"]
    finally:
        connection.close()
    return workers
