"""An endpoint as organizations run one: a real HTTP server that keeps what it is sent and answers as told."""

from __future__ import annotations

import base64
import hmac
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_by(self, secret: str) -> bool:
        """As the specification says, written anew: what is signed, and that any of the signatures may fit."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.message_id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        return any(hmac.compare_digest(expected, each) for each in self.headers["webhook-signature"].split(" "))


@dataclass
class Receiver:
    """Shapes: status is that of each answer; body what it says; is_held keeps answers back until released."""

    status: int = 200
    body: bytes = b"ok"
    location: str = ""
    is_endless: bool = False
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fields = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, fields, body))
                receiver.released.wait()
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(receiver.body)
                    while receiver.is_endless:
                        self.wfile.write(b"x" * 65536)

            def log_message(self, *_: object) -> None:
                """Nothing: tests look at what was received."""

        self.released.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"
