"""What portal tests share: a product on offer, a gateway that answers, an application with a key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from apim.access.models import Application
from apim.accounts.models import Organization
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from apim.products.limits import Terms
from apim.products.models import PlanVersion, Product
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER
from tests.payments import _inbox, _standin, product, stripe_server  # noqa: F401 - fixtures
from tests.prepaid import prepaid  # noqa: F401 - a fixture


@dataclass(slots=True)
class Gateway:
    """A server that answers as told and remembers what it was asked."""

    url: str = ""
    status: int = 200
    content_type: str = "application/json"
    coding: str = ""
    body: bytes = b'{"ok": true}'
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def gateway(environment: Environment) -> Iterator[Gateway]:
    """A listening gateway that the environment points at."""
    kept = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, content))
            self.send_response(kept.status)
            self.send_header("Content-Type", kept.content_type)
            if kept.coding:
                self.send_header("Content-Encoding", kept.coding)
            self.send_header("X-Request-Id", "req_1")
            self.send_header("Content-Length", str(len(kept.body)))
            self.end_headers()
            self.wfile.write(kept.body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the standard library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    update_environment(environment=environment, changes={"base_url": kept.url}, by=TESTER)
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def bank(acme: Organization) -> Product:
    """The product `bank-payments` of the API `bank`, with the plans starter (at once) and growth (after approval)."""
    api = catalog.api(organization=acme, name="bank", display_name="Bank API", description="Money **here**.")
    version = catalog.published(of=api)
    starter = products.plan(organization=acme, name="starter", terms=Terms(quotas=[{"requests": 1000, "per": "month"}]))
    growth = products.plan(organization=acme, name="growth", terms=Terms(approval=PlanVersion.Approval.MANUAL))
    return products.product(version=version, name="bank-payments", plans=[starter, growth])


@pytest.fixture
def shop(initech: Organization, bank: Product) -> Application:
    """An application of the developer's organization, subscribed to the bank's starter plan."""
    application = access.application(of=initech, name="shop")
    access.subscription(application=application, product=bank, plan=bank.plans.get(name="starter"))
    return application
