"""Every environment variable the control plane reads, in one place."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
_REPEATABLE_READ = 3  # psycopg.IsolationLevel.REPEATABLE_READ; Django takes its number
_LEAST_HOURS_AS_ROWS = 6  # sums are compared with the rows of the last three hours
_READ_ONLY = "-c default_transaction_read_only=on"
_SHORT_QUERIES = "-c jit=off -c max_parallel_workers_per_gather=0"
# Where packets are dropped nobody is told, and TCP alone waits for a quarter of an hour, or for ever. Both ends give up
# after some seconds: ours, so that a page says so; the server, so that what is locked by who is gone is free again.
_GIVES_UP: Mapping[str, int] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
_SERVER_GIVES_UP = (
    "-c tcp_user_timeout=10000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
)


@dataclass(frozen=True, slots=True)
class Env:
    """What the process was told from outside.

    Shapes: database_url "" = SQLite under home; redis_url "" = the bundled server's private socket under home.
    """

    home: Path
    keys_file: Path
    database_url: str
    redis_url: str
    web_port: int
    gateway_port: int
    gateway_admin_port: int
    base_url: str
    allowed_hosts: tuple[str, ...]
    is_debug: bool
    admin_email: str
    admin_password: str
    traces_kept_minutes: int
    records_folder: Path | None
    records_moved_after_hours: int
    stripe_api_key: str
    stripe_webhook_secret: str
    stripe_api_base: str
    metrics_token: str
    statement_timeout_s: float
    log_format: str
    webhook_networks: tuple[str, ...]

    @property
    def servers(self) -> tuple[tuple[SplitResult, int], ...]:
        """The database and Redis, where they are reached by TCP, each with its usual port."""
        pairs = ((urlsplit(self.database_url), 5432), (urlsplit(self.redis_url), 6379))
        return tuple((url, port) for url, port in pairs if url.hostname and url.scheme != "unix")


def read_env() -> Env:
    """The process environment as typed values."""
    home = Path(os.environ.get("APIM_HOME") or ROOT / "var").resolve()
    web_port = int(os.environ.get("APIM_WEB_PORT") or 8000)
    hosts = os.environ.get("APIM_ALLOWED_HOSTS", "")
    return Env(
        home=home,
        keys_file=Path(os.environ.get("APIM_KEYS_FILE") or home / "keys" / "keys.json"),
        database_url=os.environ.get("DATABASE_URL", ""),
        redis_url=os.environ.get("REDIS_URL", "") or f"unix://{home / 'run' / 'valkey.sock'}",
        web_port=web_port,
        gateway_port=int(os.environ.get("APIM_GATEWAY_PORT") or 8080),
        gateway_admin_port=int(os.environ.get("APIM_GATEWAY_ADMIN_PORT") or 8081),
        base_url=os.environ.get("APIM_BASE_URL") or f"http://127.0.0.1:{web_port}",
        allowed_hosts=tuple(host for host in hosts.split(",") if host) or ("127.0.0.1", "localhost", "[::1]"),
        is_debug=os.environ.get("APIM_DEBUG") == "1",
        admin_email=os.environ.get("APIM_ADMIN_EMAIL", ""),
        admin_password=os.environ.get("APIM_ADMIN_PASSWORD", ""),
        traces_kept_minutes=int(os.environ.get("APIM_TRACES_KEPT_MINUTES") or 60),
        records_folder=_folder(os.environ.get("APIM_RECORDS_FOLDER", "")),
        records_moved_after_hours=max(
            _LEAST_HOURS_AS_ROWS, int(os.environ.get("APIM_RECORDS_MOVED_AFTER_HOURS") or 24)
        ),
        stripe_api_key=os.environ.get("APIM_STRIPE_API_KEY", ""),
        stripe_webhook_secret=os.environ.get("APIM_STRIPE_WEBHOOK_SECRET", ""),
        stripe_api_base=os.environ.get("APIM_STRIPE_API_BASE", ""),
        metrics_token=os.environ.get("APIM_METRICS_TOKEN", ""),
        statement_timeout_s=float(os.environ.get("APIM_STATEMENT_TIMEOUT_S") or 5),
        log_format=os.environ.get("APIM_LOG_FORMAT", ""),
        webhook_networks=_networks(os.environ.get("APIM_WEBHOOK_NETWORKS", "")),
    )


def _folder(text: str) -> Path | None:
    """The folder of records. Errors: ValueError without DuckDB, which reads what is in it."""
    if text and find_spec("duckdb") is None:
        message = "APIM_RECORDS_FOLDER needs the package duckdb: install apim[records], or unset it"
        raise ValueError(message)
    return Path(text).resolve() if text else None


def _networks(text: str) -> tuple[str, ...]:
    """The CIDR blocks of a list with commas; ValueError names what is none."""
    return tuple(str(ipaddress.ip_network(each.strip())) for each in text.split(",") if each.strip())


def collect_database_settings(env: Env) -> dict[str, object]:
    """The same database for reading one state of many tables: a transaction that neither blocks nor is blocked."""
    settings = database_settings(env) | {"TEST": {"MIRROR": "default"}}
    if env.database_url:
        server = f"{_READ_ONLY} {_SERVER_GIVES_UP}"
        return settings | {"OPTIONS": {**_GIVES_UP, "isolation_level": _REPEATABLE_READ, "options": server}}
    options = {"transaction_mode": "DEFERRED", "timeout": 30, "init_command": "PRAGMA query_only=1;"}
    return settings | {"OPTIONS": options}


def database_settings(env: Env) -> dict[str, object]:
    """Django's settings of one database connection, from DATABASE_URL or for SQLite under home."""
    if not env.database_url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": env.home / "db.sqlite3",
            "TEST": {"NAME": str(env.home / "test.sqlite3")},  # a file: tests meet the locks that users meet
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
            },
        }
    url = urlsplit(env.database_url)
    if url.scheme not in {"postgres", "postgresql"}:
        message = f"DATABASE_URL must start with postgresql://, not {url.scheme}://"
        raise ValueError(message)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname or ""),
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # To compile a query, or to start processes for a part of it each, takes longer than to run it over what one
        # page shows; and cores are for other pages.
        "OPTIONS": {**_GIVES_UP, "options": f"{_SHORT_QUERIES} {_SERVER_GIVES_UP}"},
    }
