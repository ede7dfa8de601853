"""Starts a gateway: `python -m gateway_sync.runtime --home DIR --port 8080 ... --credentials FILE`.

With `--join URL` and a token it fetches its credentials first, once.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from pathlib import Path

from gateway_sync.runtime import logs
from gateway_sync.runtime.access_log import LogOptions
from gateway_sync.runtime.admin import Admin
from gateway_sync.runtime.bounds import Given
from gateway_sync.runtime.credentials import CredentialsInvalid, KeptDoors, read_credentials
from gateway_sync.runtime.handover import CHECK, take_over
from gateway_sync.runtime.joining import JOIN_TOKEN, Invitation, JoinFailed, join
from gateway_sync.runtime.options import Options
from gateway_sync.runtime.slots import cpu_count
from gateway_sync.runtime.span_exporter import CollectorInvalid, read_collector
from gateway_sync.runtime.spool_format import SPOOL_BYTES
from gateway_sync.runtime.starting import is_forkable
from gateway_sync.runtime.supervisor import Supervisor
from gateway_sync.runtime.watching import HANG_S, LEAST_S


def parse_arguments(arguments: list[str]) -> tuple[Options, Path, Invitation | None]:
    """The options, where the credentials are, and where they come from while they are not there."""
    parser = argparse.ArgumentParser(prog="gateway_sync.runtime", description="A gateway of an environment.")
    parser.add_argument("--home", type=Path, required=True, help="where this gateway keeps its state")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument(
        "--tls-port", type=int, default=0, help="HTTPS with the environment's certificates; off unless given"
    )
    parser.add_argument("--admin-port", type=int, default=8081, help="health and metrics, on loopback only")
    parser.add_argument("--workers", type=int, default=0, help="worker processes; one a core unless given")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument(
        "--credentials", type=Path, help="the JSON file that enrolling the gateway wrote; with --join it is written"
    )
    parser.add_argument("--join", metavar="URL", default="", help="the address of the control plane, to join it once")
    parser.add_argument("--token", default="", help=f"to join by; better in {JOIN_TOKEN}, which nobody else can list")
    parser.add_argument("--plain", action="store_true", help="join over http:// though secrets come that way")
    parser.add_argument("--spool-mib", type=int, default=SPOOL_BYTES >> 20, help="what usage may take on disk at most")
    here = "; else as the environment's client-limits say"
    parser.add_argument("--head-timeout", type=float, help=f"seconds for a request's header{here}")
    parser.add_argument("--idle-timeout", type=float, help=f"seconds between two requests{here}")
    parser.add_argument("--body-timeout", type=float, help=f"seconds for each 4 KiB of a body{here}")
    parser.add_argument("--max-connections", type=int, help=f"callers a worker{here}, or as files allow")
    parser.add_argument("--access-log", default="", metavar="PATH|-", help="JSON lines, - for standard output")
    parser.add_argument("--access-log-share", type=float, default=1.0, help="of the exchanges, 0 to 1; all with 5xx")
    parser.add_argument("--access-log-mib", type=int, default=100, help="of one file, before the next is begun")
    parser.add_argument("--max-worker-mib", type=int, default=0, help="memory at which a worker is replaced")
    parser.add_argument(
        "--hang-seconds",
        type=float,
        default=HANG_S,
        help=f"without a sign of life, after which a worker is replaced; {LEAST_S:g} at least",
    )
    parser.add_argument(CHECK, action="store_true", help="say whether it would start with these arguments, and end")
    given = parser.parse_args(arguments)
    if not given.join and given.credentials is None:
        parser.error("--credentials or --join is needed.")
    if not 0 <= given.access_log_share <= 1 or given.access_log_mib < 1:
        parser.error("--access-log-share is from 0 to 1, --access-log-mib at least 1.")
    if not given.hang_seconds >= LEAST_S:
        parser.error(f"--hang-seconds is at least {LEAST_S:g}.")
    try:
        collector = read_collector()
    except CollectorInvalid as error:
        parser.error(str(error))
    options = Options(
        home=given.home,
        bind=given.bind,
        port=given.port,
        admin_port=given.admin_port,
        tls_port=given.tls_port,
        workers=given.workers or cpu_count(),
        spool_bytes=given.spool_mib << 20,
        given=Given(given.head_timeout, given.idle_timeout, given.body_timeout, given.max_connections),
        worker_bytes=given.max_worker_mib << 20,
        hang_s=given.hang_seconds,
        collector=collector,
        log=LogOptions(given.access_log, given.access_log_share, given.access_log_mib << 20),
    )
    credentials = given.credentials or given.home / "credentials.json"
    if not given.join:
        return options, credentials, None
    token = given.token or os.environ.get(JOIN_TOKEN, "")
    return options, credentials, Invitation(given.join, token, credentials, is_plain_allowed=given.plain)


async def run(supervisor: Supervisor) -> None:
    """Run until SIGTERM or SIGINT. Errors: OSError when a port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.ask_to_give_over, sys.argv[1:])
    loop.add_signal_handler(signal.SIGHUP, supervisor.ask_to_roll)
    admin = await asyncio.start_server(Admin(supervisor).handle, "127.0.0.1", supervisor.options.admin_port)
    async with admin:
        await supervisor.run(stop)


def main() -> int:
    """The exit code; one clear sentence on standard error when it cannot start."""
    options, credentials_path, invitation = parse_arguments(sys.argv[1:])
    logs.begin("gateway")
    if CHECK in sys.argv[1:]:
        return 0
    os.umask(0o077)  # access records, snapshots and usage are for their owner only
    try:
        options.home.mkdir(parents=True, exist_ok=True)
        lock = os.open(options.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logs.end(f"Another gateway runs in {options.home}.")
        return 1
    try:
        is_forking = is_forkable()  # now, so that a missing compiled copy is told at once
        if invitation is not None:
            join(invitation)
        doors = KeptDoors(credentials_path)
        supervisor = Supervisor(options, read_credentials(credentials_path), doors, take_over(os.environ))
        if is_forking:
            supervisor.fork_workers()
        doors()
        asyncio.run(run(supervisor))
    except (CredentialsInvalid, JoinFailed, OSError) as error:
        logs.end(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
