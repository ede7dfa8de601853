"""The authority's HTTP side: nonces, signatures, the resources of RFC 8555 section 7."""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.acme_server.authority import Account, Authority, Order, Proof
from tests.acme_server.messages import Message, Refused, read_message

Reply = tuple[int, Any, dict[str, str]]


class ACMEServer:
    """Serves an authority on loopback. bad_nonces and rate_limited_s are faults on demand."""

    def __init__(self, authority: Authority, port: int = 0) -> None:
        self.authority = authority
        self.bad_nonces = 0  # so many good nonces are refused
        self.rate_limited_s = 0  # new orders are refused with this Retry-After
        self.requests: list[str] = []
        self._nonces: set[str] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.reply(self, b"")

            def do_HEAD(self) -> None:
                server.reply(self, b"")

            def do_POST(self) -> None:
                server.reply(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @property
    def directory_url(self) -> str:
        return f"{self.url}/directory"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        self._http.serve_forever()

    def reply(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.requests.append(f"{request.command} {request.path}")
        try:
            with self.authority.lock:
                status, content, headers = self._handle(request, body)
        except Refused as refused:
            status, content, headers = refused.status, refused.problem, refused.headers
            headers["Content-Type"] = "application/problem+json"
        payload = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.send_header(name, value)
        request.send_header("Replay-Nonce", self._fresh_nonce())
        request.send_header("Content-Length", str(len(payload)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(payload)

    def _fresh_nonce(self) -> str:
        nonce = secrets.token_urlsafe(16)
        self._nonces.add(nonce)
        return nonce

    def _handle(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        if request.command == "GET" and request.path == "/directory":
            names = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
            return 200, {name: f"{self.url}/{name}" for name in names} | {"meta": {"termsOfService": self.url}}, {}
        if request.command == "HEAD" and request.path == "/newNonce":
            return 200, "", {}
        if request.command != "POST":
            raise Refused(405, "malformed", "resources are asked by POST")
        message = read_message(body, request.headers.get("Content-Type", ""), self.url + request.path)
        self._use_nonce(message.header["nonce"])
        if request.path == "/newAccount":
            return self._new_account(message)
        return self._handle_known(request, message, self._account_of(message))

    def _use_nonce(self, nonce: str) -> None:
        is_good = nonce in self._nonces
        self._nonces.discard(nonce)
        if not is_good or self.bad_nonces:
            self.bad_nonces -= is_good
            raise Refused(400, "badNonce", "used before, or never given")

    def _account_of(self, message: Message) -> Account:
        prefix = f"{self.url}/account/"
        kid = str(message.header.get("kid", ""))
        number = kid.removeprefix(prefix)
        if not kid.startswith(prefix) or not number.isdigit() or int(number) >= len(self.authority.accounts):
            raise Refused(400, "accountDoesNotExist", "name the account's URL as kid")
        account = self.authority.accounts[int(number)]
        message.verify(account.jwk)
        return account

    def _new_account(self, message: Message) -> Reply:
        if "jwk" not in message.header or message.payload is None:
            raise Refused(400, "malformed", "a new account says its key")
        message.verify(message.header["jwk"])
        account, is_new = self.authority.account(message.header["jwk"], message.payload)
        shown = {"status": "valid", "contact": account.contact}
        return 201 if is_new else 200, shown, {"Location": f"{self.url}/account/{account.number}"}

    def _handle_known(self, request: BaseHTTPRequestHandler, message: Message, account: Account) -> Reply:
        kind, _, rest = request.path.strip("/").partition("/")
        if kind == "account" and message.payload is not None:
            account.contact = message.payload.get("contact", account.contact)
            return 200, {"status": "valid", "contact": account.contact}, {}
        if kind == "newOrder" and message.payload is not None:
            if self.rate_limited_s:
                headers = {"Retry-After": str(self.rate_limited_s)}
                raise Refused(429, "rateLimited", "too many certificates for this name already", headers)
            number = self.authority.order(account, message.payload)
            return 201, self._order(number), {"Location": f"{self.url}/order/{number}"}
        if kind == "proof" and message.payload is None:
            return 200, self._proof(int(rest), self._proof_of(rest, account)), {}
        if kind == "challenge" and message.payload == {}:
            proof = self._proof_of(rest, account)
            self.authority.look(proof, account)
            headers = {"Link": f'<{self.url}/proof/{rest}>;rel="up"'}
            return 200, self._challenge(int(rest), proof), headers
        if kind == "finalize" and message.payload is not None and message.payload.keys() == {"csr"}:
            self.authority.finalize(self._order_of(rest, account), message.payload["csr"])
            return 200, self._order(int(rest)), {"Location": f"{self.url}/order/{rest}"}
        if kind == "order" and message.payload is None:
            self._order_of(rest, account)
            return 200, self._order(int(rest)), {"Retry-After": "1"}
        if kind == "certificate" and message.payload is None:
            return self._certificate(request, self._order_of(rest, account))
        raise Refused(404, "malformed", f"nothing is at {request.path} for such a request")

    def _certificate(self, request: BaseHTTPRequestHandler, order: Order) -> Reply:
        if "application/pem-certificate-chain" not in request.headers.get("Accept", ""):
            raise Refused(406, "malformed", "a chain is application/pem-certificate-chain")
        if not order.chain:
            raise Refused(404, "malformed", "not issued yet")
        return 200, order.chain, {"Content-Type": "application/pem-certificate-chain"}

    def _order_of(self, number: str, account: Account) -> Order:
        if not number.isdigit() or int(number) >= len(self.authority.orders):
            raise Refused(404, "malformed", "no such order")
        order = self.authority.orders[int(number)]
        if order.account is not account:
            raise Refused(403, "unauthorized", "the order is of another account")
        return order

    def _proof_of(self, number: str, account: Account) -> Proof:
        if not number.isdigit() or int(number) >= len(self.authority.proofs):
            raise Refused(404, "malformed", "no such authorization")
        if not any(int(number) in order.proofs for order in self.authority.orders if order.account is account):
            raise Refused(403, "unauthorized", "the authorization is of another account")
        return self.authority.proofs[int(number)]

    def _order(self, number: int) -> dict[str, object]:
        order = self.authority.orders[number]
        shown: dict[str, object] = {
            "status": self.authority.status_of(order),
            "identifiers": [{"type": "dns", "value": host} for host in order.hosts],
            "authorizations": [f"{self.url}/proof/{proof}" for proof in order.proofs],
            "finalize": f"{self.url}/finalize/{number}",
        }
        return shown | ({"certificate": f"{self.url}/certificate/{number}"} if order.chain else {})

    def _proof(self, number: int, proof: Proof) -> dict[str, object]:
        return {
            "status": proof.status,
            "identifier": {"type": "dns", "value": proof.host},
            "challenges": [
                {"type": "dns-01", "url": f"{self.url}/none", "token": proof.token, "status": "pending"},
                self._challenge(number, proof),
            ],
        }

    def _challenge(self, number: int, proof: Proof) -> dict[str, object]:
        shown: dict[str, object] = {
            "type": "http-01",
            "url": f"{self.url}/challenge/{number}",
            "token": proof.token,
            "status": "processing" if proof.is_asked and proof.status == "pending" else proof.status,
        }
        return shown | ({"error": proof.error} if proof.error else {})
