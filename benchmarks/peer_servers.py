"""The peers: other gateways and proxies before the same upstream, each as a configuration and a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import processes
from benchmarks.certificates import Certificate
from benchmarks.load import Call, Subject
from benchmarks.subjects import POOL, Bench, found, running_nginx, started


@contextmanager
def nginx(bench: Bench, upstream_port: int, _calls: list[Call]) -> Iterator[Subject]:
    """nginx as a bare proxy: no key, no limit."""
    port = processes.free_port()
    server = f"""
    upstream u {{ server 127.0.0.1:{upstream_port}; keepalive {POOL}; }}
    server {{ listen {port}; location / {{
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
    }} }}
    """
    with running_nginx(bench, "nginx", server, port=port, cores=bench.subject_cores) as process:
        yield Subject("nginx", port, process.pid)


@contextmanager
def nginx_tls(bench: Bench, upstream_port: int, certificate: Certificate) -> Iterator[Subject]:
    """nginx as a bare proxy behind TLS, with the certificate of ours."""
    port, chain, key = processes.free_port(), bench.folder / "nginx.pem", bench.folder / "nginx.key"
    chain.write_text(certificate.chain)
    key.touch(mode=0o600)
    key.write_text(certificate.key)
    server = f"""
    upstream u {{ server 127.0.0.1:{upstream_port}; keepalive {POOL}; }}
    server {{ listen {port} ssl backlog=4096; ssl_certificate {chain}; ssl_certificate_key {key};
      ssl_protocols TLSv1.2 TLSv1.3; location / {{
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
    }} }}
    """
    with running_nginx(bench, "nginx-tls", server, port=port, cores=bench.subject_cores) as process:
        yield Subject("nginx", port, process.pid, tls_port=port)


@contextmanager
def nginx_lua(bench: Bench, upstream_port: int, calls: list[Call]) -> Iterator[Subject]:
    """nginx with Lua: key table, window counter in a shared dict, header rewrite, a counter in the log phase."""
    port = processes.free_port()
    keys = bench.folder / "lua-keys.txt"
    keys.write_text("\n".join(sorted({call.key for call in calls})) + "\n")
    server = f"""
    lua_shared_dict limits 10m; lua_shared_dict usage 10m;
    init_by_lua_block {{ KEYS = {{}}; for line in io.lines("{keys}") do KEYS[line] = true end }}
    upstream u {{ server 127.0.0.1:{upstream_port}; keepalive {POOL}; }}
    server {{ listen {port}; location / {{
      access_by_lua_block {{
        local key = ngx.var.http_x_api_key
        if not key or not KEYS[key] then return ngx.exit(401) end
        local used = ngx.shared.limits:incr(key .. math.floor(ngx.now()), 1, 0, 2)
        if used and used > 1000000000 then return ngx.exit(429) end
        ngx.req.clear_header("X-API-Key"); ngx.req.set_header("X-Consumer", "shop")
      }}
      log_by_lua_block {{ ngx.shared.usage:incr(ngx.var.status, 1, 0) }}
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
    }} }}
    """
    modules = "load_module modules/ndk_http_module.so; load_module modules/ngx_http_lua_module.so;"
    with running_nginx(bench, "nginx+lua", server, port=port, cores=bench.subject_cores, modules=modules) as process:
        yield Subject("nginx+lua", port, process.pid)


@contextmanager
def haproxy(bench: Bench, upstream_port: int, calls: list[Call]) -> Iterator[Subject]:
    """HAProxy: key ACL, a rate in a stick table, connections reused."""
    port = processes.free_port()
    keys = bench.folder / "haproxy-keys.txt"
    keys.write_text("\n".join(sorted({call.key for call in calls})) + "\n")
    config = bench.folder / "haproxy.cfg"
    config.write_text(f"""
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend f
    bind 127.0.0.1:{port}
    stick-table type string len 64 size 100k expire 10s store http_req_rate(1s)
    http-request deny deny_status 401 unless {{ req.hdr(X-API-Key) -f {keys} }}
    http-request track-sc0 req.hdr(X-API-Key)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1000000000 }}
    http-request del-header X-API-Key
    default_backend b
backend b
    server u 127.0.0.1:{upstream_port} pool-max-conn {POOL}
""")
    command = [found("haproxy"), "-db", "-f", config]
    with started(bench, "haproxy", command, port=port, cores=bench.subject_cores) as process:
        yield Subject("haproxy", port, process.pid)
