"""What people do with a running product: offer a version, get a key for it, call it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from apim.up.options import ROOT
from tests.product import Product
from tests.waiting import PATIENCE_S, wait_until

KEY = "X-API-Key"
OWNER = "riverside"  # organizations of the example
CALLER = "acme"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered. Shapes: names of headers in lower case, values of one name joined."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body read."""
        return json.loads(self.body)


class Journey:
    """A product and its management API as an admin of the installation."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self._client = httpx.Client(
            base_url=f"{product.web}/api/v1/", headers={"Authorization": f"Bearer {product.token}"}, timeout=PATIENCE_S
        )
        self._gateway = urlsplit(product.gateway)
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        self.post("plans", name="unlimited", organization=OWNER, terms={"approval": "auto"})
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._connection is not None:
            self._connection.close()

    def ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        """A request to the management API; its answer whatever it is."""
        return self._client.request(method, path, json=body if method in {"POST", "PATCH"} else None)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A write that must succeed."""
        return _good(self.ask("POST", path, **body))

    def patch(self, path: str, **body: Any) -> dict[str, Any]:
        """A change that must succeed."""
        return _good(self.ask("PATCH", path, **body))

    def get(self, path: str) -> dict[str, Any]:
        """What the management API shows."""
        return _good(self.ask("GET", path))

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """The command `apim` with arguments."""
        return subprocess.run(
            (sys.executable, "-m", "apim.cli", *arguments),
            cwd=ROOT,
            env={"APIM_URL": self.product.web, "APIM_TOKEN": self.product.token, "PATH": "/usr/bin:/bin"},
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )

    def offer(self, name: str, *versions: str, operations: Sequence[str] = ()) -> str:
        """A key for a new product of these versions; its application, subscription and product are called name."""
        items = [{"version": version, "operations": list(operations)} for version in versions]
        self.post("products", name=name, organization=OWNER, items=items, plans=["unlimited"])
        self.post("applications", name=name, organization=CALLER)
        self.post("subscriptions", application=f"{CALLER}:{name}", product=name, plan="unlimited")
        key: str = self.post("credentials", application=f"{CALLER}:{name}")["key"]
        return key

    def call(self, method: str, target: str, key: str, body: bytes | None = None, **headers: str) -> Answer:
        """A call through the gateway; target goes on the wire as it is written, `_` in header names as `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for _ in range(2):
            connection = self._connection or http.client.HTTPConnection(
                self._gateway.hostname or "", self._gateway.port, timeout=PATIENCE_S
            )
            self._connection = None
            try:
                connection.request(method, target, body=body, headers={KEY: key, **named})
                received = connection.getresponse()
                content = received.read()
            except (http.client.RemoteDisconnected, ConnectionResetError):  # it was idle for too long
                connection.close()
                continue
            if not received.will_close:
                self._connection = connection
            fields: dict[str, str] = {}
            for name, value in received.getheaders():
                field = name.lower()
                fields[field] = f"{fields[field]}, {value}" if field in fields else value
            return Answer(received.status, fields, content)
        message = f"the gateway hung up twice on {method} {target}"
        raise AssertionError(message)

    def wait(self, target: str, key: str, status: int, method: str = "GET", body: bytes | None = None) -> float:
        """The seconds until a call is answered with status, to be noted."""
        return wait_until(
            lambda: self.call(method, target, key, body).status == status, f"{method} {target} is {status}"
        )


def _good(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    shown: dict[str, Any] = answer.json() if answer.content else {}
    return shown


def contract(*operations: str, title: str = "Shop") -> str:
    """A document that offers these operations."""
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        method, path = operation.split(" ")
        paths.setdefault(path, {})[method.lower()] = {"responses": {"200": {"description": "Good"}}}
    return json.dumps({"openapi": "3.0.3", "info": {"title": title, "version": "1"}, "paths": paths})


def bring(journey: Journey, name: str, version: str, text: str, upstream: str = "") -> list[dict[str, object]]:
    """Import and publish; what changed."""
    names = {"name": name, "version": version, "organization": OWNER}
    published = {"publish": True, "waiver": "the test tries what follows"}
    imported = journey.post("imports", **names, **published, upstream=upstream, document=text)
    changes: list[dict[str, object]] = imported["changes"]
    return changes
