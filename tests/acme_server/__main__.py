"""Run it by hand: python -m tests.acme_server --port 9300 --hosts-at 127.0.0.1:8080."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from tests.acme_server.authority import Authority
from tests.acme_server.server import ACMEServer

parser = argparse.ArgumentParser(prog="python -m tests.acme_server")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--hosts-at", required=True, help="where port 80 of every host is, HOST:PORT")
parser.add_argument("--root", type=Path, help="where to write the root certificate")
parser.add_argument("--life-minutes", type=int, default=90 * 24 * 60)
options = parser.parse_args()
address, _, port = options.hosts_at.rpartition(":")
authority = Authority(lambda _host: (address, int(port)), timedelta(minutes=options.life_minutes))
if options.root:
    options.root.write_text(authority.pem)
server = ACMEServer(authority, options.port)
print(f"The directory is {server.directory_url}", flush=True)
server.serve_forever()
