"""A control plane of a few lines: it hands a made state to the gateway under measurement and takes in its usage."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from benchmarks.state import State, access_records

PAGE = 10_000


class Offer:
    """The state that the control plane offers now; replacing it wakes who waits for another one."""

    def __init__(self, state: State) -> None:
        """Offers state first; applied holds the revisions that workers told they apply; usage goes to take_usage."""
        self.state = state
        self.take_usage: Callable[[bytes], object] = msgspec.msgpack.decode
        self.applied: set[int] = set()
        self._changed = threading.Condition()

    def replace(self, state: State) -> None:
        """Offer another state from now on."""
        with self._changed:
            self.state = state
            self._changed.notify_all()

    def wait(self, digest: object, wait_s: float) -> None:
        """Return when the state is another than digest, or after wait_s."""
        with self._changed:
            self._changed.wait_for(lambda: self.state.manifest.digest != digest, wait_s)


@contextmanager
def serving(offer: Offer) -> Iterator[str]:
    """The address of the control plane for as long as the block lasts."""
    records: list[list[object]] = [list(record) for record in access_records(offer.state.size)]

    class RequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.endswith("/sync"):
                answer = _sync(offer, records, json.loads(body))
            elif self.path.endswith("/usage"):
                offer.take_usage(body)
                answer = {"acked_seq": msgspec.msgpack.decode(body)["last_seq"]}
            elif self.path.endswith("/report"):
                answer = {}
                offer.applied.update(worker["revision"] for worker in json.loads(body).get("workers", ()))
            else:
                answer = {}  # what else a gateway tells, such as explanations of calls, nobody asks for here
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), RequestHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _sync(offer: Offer, records: list[list[object]], ask: dict[str, object]) -> dict[str, object]:
    after = int(str(ask.get("access_seq") or 0))
    if after >= len(records):
        offer.wait(ask.get("digest"), float(str(ask.get("wait_s") or 0)))
    state = offer.state
    is_known = ask.get("digest") == state.manifest.digest
    page = records[after : after + PAGE]
    have = set(ask.get("have") or ())  # type: ignore[call-overload]
    return {
        "environment": "default",
        "manifest": None if is_known else asdict(state.manifest),
        "fragments": {} if is_known else {key: text for key, text in state.fragments.items() if key not in have},
        "base_digest": str(ask.get("digest") or ""),
        "access": {
            "after": after,
            "upto": after + len(page),
            "is_full": after == 0,
            "records": page,
            "more": after + len(page) < len(records),
        },
    }
