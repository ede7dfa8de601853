"""The gateways and proxies that ours is measured beside, and which of them are not there."""

from __future__ import annotations

from pathlib import Path

from benchmarks import fetched, peer_servers, subjects
from benchmarks.subjects import Bench

PEERS = {
    "nginx": peer_servers.nginx,
    "haproxy": peer_servers.haproxy,
    "nginx+lua": peer_servers.nginx_lua,
    "envoy": fetched.envoy,
    "traefik": fetched.traefik,
    "express-gateway": fetched.express_gateway,
}


def missing_peers(bench: Bench) -> dict[str, str]:
    """Peers that cannot be measured here, and why."""
    missing = {}
    for name, program in (("nginx", "nginx"), ("haproxy", "haproxy"), ("nginx+lua", "nginx")):
        if subjects.found(program) is None:
            missing[name] = f"{program} is not installed"
    if "nginx+lua" not in missing and not Path("/usr/lib/nginx/modules/ngx_http_lua_module.so").exists():
        missing["nginx+lua"] = "nginx has no Lua module (Debian: libnginx-mod-http-lua)"
    return missing | fetched.missing(bench)
