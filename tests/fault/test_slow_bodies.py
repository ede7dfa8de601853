"""Strangers whose bodies do not come hold few threads of the web: everybody else is heard (H9)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import httpx
import pytest

from apim.config.bodies import MOST_EACH
from tests.product import Product, prepared_place, running
from tests.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.product]

LOG_IN = "/account/login/"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(prepared_place(tmp_path_factory.mktemp("slow"))) as product:
        yield product


def begun(product: Product) -> socket.socket:
    """A log-in of which the body does not come."""
    parts = urlsplit(product.web)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)
    head = (f"POST {LOG_IN} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/x-www-form-urlencoded")
    connection.sendall("\r\n".join((*head, "Content-Length: 100", "", "login=")).encode())
    return connection


def logged_in(product: Product) -> httpx.Client:
    client = httpx.Client(base_url=product.web, timeout=PATIENCE_S, headers={"Referer": product.web})
    told = {"login": product.admin_email, "password": product.admin_password}
    assert submitted(client, LOG_IN, LOG_IN, told) == 302
    return client


def submitted(client: httpx.Client, page: str, to: str, fields: dict[str, str]) -> int:
    """How a form is answered."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return client.post(to, data={**fields, "csrfmiddlewaretoken": found[1]}).status_code


def stranger(product: Product) -> int:
    """How somebody is answered who sends a whole log-in at once, with the wrong password."""
    with httpx.Client(base_url=product.web, timeout=PATIENCE_S, headers={"Referer": product.web}) as client:
        return submitted(client, LOG_IN, LOG_IN, {"login": "nobody@example.com", "password": "wrong"})


def test_strangers_who_send_slowly_keep_pages_and_who_is_logged_in_from_nothing(product: Product) -> None:
    token = {"Authorization": f"Bearer {product.token}"}

    def change() -> int:
        body = {"nonsense": 1}
        return httpx.post(f"{product.web}/api/v1/apis", json=body, headers=token, timeout=PATIENCE_S).status_code

    assert change() == 400
    with ExitStack() as stack:
        admin = stack.enter_context(closing(logged_in(product)))
        for _ in range(MOST_EACH + 8):
            stack.enter_context(begun(product))
        wait_until(lambda: stranger(product) == 429, "their places are taken")
        assert admin.get("/console/").status_code == 200
        assert submitted(admin, "/my", "/language", {"language": "ja"}) < 400
        assert httpx.get(f"{product.web}{LOG_IN}", timeout=PATIENCE_S).status_code == 200
        assert change() == 400, "a token that was good before"
    wait_until(lambda: stranger(product) == 200, "they are gone, and others log in")
