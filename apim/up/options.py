"""What a start was told: the command line and the APIM_* variables."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apim.up.refusal import RefusalError

ROOT = Path(__file__).resolve().parent.parent.parent
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- only compared with


@dataclass(frozen=True, slots=True)
class Port:
    """A port to listen on, and the variable that moves it."""

    purpose: str
    variable: str
    number: int
    bind: str


@dataclass(frozen=True, slots=True)
class Options:
    """Shapes: database_url and redis_url are "" for the embedded SQLite and Valkey; admin_email "" makes no admin.

    gateway_tls_port 0 = no HTTPS; access_log_share "" = no log, else a number from 0 to 1; stripe_port 0 = no stand-in
    for Stripe, and stripe_secret is what its webhooks are signed with.
    """

    home: Path
    bind: str
    web_port: int
    gateway_port: int
    gateway_admin_port: int
    gateway_tls_port: int
    example_port: int
    gateway_workers: int
    access_log_share: str
    database_url: str
    redis_url: str
    admin_email: str
    admin_password: str
    has_example: bool
    is_json: bool
    stripe_port: int
    stripe_secret: str

    @property
    def host(self) -> str:
        """The address under which this machine reaches what listens on bind."""
        if self.bind in _WILDCARDS:
            return _WILDCARDS[self.bind]
        return f"[{self.bind}]" if ":" in self.bind else self.bind

    @property
    def web_url(self) -> str:
        """Where the web process answers."""
        return f"http://{self.host}:{self.web_port}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway answers."""
        return f"http://{self.host}:{self.gateway_port}"

    @property
    def gateway_admin_url(self) -> str:
        """Where the gateway tells of itself; loopback only."""
        return f"http://127.0.0.1:{self.gateway_admin_port}"

    @property
    def stripe_url(self) -> str:
        """Where the stand-in for Stripe answers; loopback only."""
        return f"http://127.0.0.1:{self.stripe_port}"

    @property
    def socket(self) -> Path:
        """The bundled Valkey's unix socket."""
        return self.home / "run" / "valkey.sock"

    def ports(self) -> tuple[Port, ...]:
        """Every port this start will listen on."""
        ports = [
            Port("web", "APIM_WEB_PORT", self.web_port, self.bind),
            Port("gateway", "APIM_GATEWAY_PORT", self.gateway_port, self.bind),
            Port("gateway's admin port", "APIM_GATEWAY_ADMIN_PORT", self.gateway_admin_port, "127.0.0.1"),
        ]
        if self.gateway_tls_port:
            ports.append(Port("gateway's HTTPS", "APIM_GATEWAY_TLS_PORT", self.gateway_tls_port, self.bind))
        if self.has_example:
            for offset, service in enumerate(("bank", "trading")):
                number = self.example_port + offset
                ports.append(Port(f"sample service {service}", "APIM_EXAMPLE_PORT", number, "127.0.0.1"))
        if self.stripe_port:
            ports.append(Port("stand-in for Stripe", "APIM_STRIPE_PORT", self.stripe_port, "127.0.0.1"))
        return tuple(ports)


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The options of this start.

    Errors: RefusalError for a variable that is no number, and for a stand-in for Stripe that is not there or would be
    in the way of a real one; argparse ends the process for unknown arguments.
    """
    parser = argparse.ArgumentParser(
        prog="script/up", description="Start web, workers, gateway and the sample services in the foreground."
    )
    parser.add_argument("--no-example", action="store_true", help="do not load or start the bank example")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready, and nothing else")
    parser.add_argument(
        "--with-test-stripe", action="store_true", help="take payments by a stand-in for Stripe: no money moves"
    )
    parsed = parser.parse_args(arguments)
    if parsed.with_test_stripe:
        _check_test_stripe(environ)
    return Options(
        home=Path(environ.get("APIM_HOME") or ROOT / "var").resolve(),
        bind=environ.get("APIM_BIND") or "127.0.0.1",
        web_port=_port(environ, "APIM_WEB_PORT", 8000),
        gateway_port=_port(environ, "APIM_GATEWAY_PORT", 8080),
        gateway_admin_port=_port(environ, "APIM_GATEWAY_ADMIN_PORT", 8081),
        gateway_tls_port=_port(environ, "APIM_GATEWAY_TLS_PORT", 0) if environ.get("APIM_GATEWAY_TLS_PORT") else 0,
        example_port=_port(environ, "APIM_EXAMPLE_PORT", 9101),
        gateway_workers=_number(environ, "APIM_GATEWAY_WORKERS", os.cpu_count() or 1, 256),
        access_log_share=_share(environ, "APIM_ACCESS_LOG"),
        database_url=environ.get("DATABASE_URL", ""),
        redis_url=environ.get("REDIS_URL", ""),
        admin_email=environ.get("APIM_ADMIN_EMAIL", ""),
        admin_password=environ.get("APIM_ADMIN_PASSWORD", ""),
        has_example=not parsed.no_example,
        is_json=parsed.json,
        stripe_port=_port(environ, "APIM_STRIPE_PORT", 9111) if parsed.with_test_stripe else 0,
        stripe_secret=f"whsec_{secrets.token_hex(16)}" if parsed.with_test_stripe else "",
    )


def _check_test_stripe(environ: Mapping[str, str]) -> None:
    if not (ROOT / "tests" / "stripe_server").is_dir():
        message = (
            "--with-test-stripe needs the stand-in for Stripe, which is part of a checkout (tests/stripe_server) and"
            " not of an installed copy; give a test key of Stripe in APIM_STRIPE_API_KEY instead."
        )
        raise RefusalError(message)
    if environ.get("APIM_STRIPE_API_KEY"):
        message = "--with-test-stripe and APIM_STRIPE_API_KEY exclude each other; unset one of them."
        raise RefusalError(message)


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    return _number(environ, variable, default, 65535)


def _number(environ: Mapping[str, str], variable: str, default: int, most: int) -> int:
    text = environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        message = f"{variable} is {text!r}, but must be a number from 1 to {most}."
        raise RefusalError(message)
    return int(text)


def _share(environ: Mapping[str, str], variable: str) -> str:
    text = environ.get(variable) or ""
    if text and not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", text):
        message = f"{variable} is {text!r}, but must be a number from 0 to 1."
        raise RefusalError(message)
    return text
