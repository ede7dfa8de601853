"""The first page: what does not answer is named with its host, and only the link that was printed opens it."""

from __future__ import annotations

import socket

import pytest
from django.test import Client
from pytest_django import Settings

from apim.accounts.models import Installation, Organization, User
from apim.accounts.services import new_set_up_link
from tests.conftest import LogIn

pytestmark = pytest.mark.django_db

FIELDS = {
    "email": "root@example.com", "password": "correct-horse-9", "organization_name": "Acme Ltd",
    "base_url": "https://apis.example.com", "language": "ja",
}  # fmt: skip


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_link_that_was_printed_last_opens_the_page_and_no_other(closed_port: int, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://:secret@127.0.0.1:{closed_port}/0"
    first, last = new_set_up_link(), new_set_up_link()
    void = Client().get(f"/setup?token={first}")
    assert void.status_code == 403
    assert "not valid any more" in void.content.decode()
    assert "127.0.0.1" not in void.content.decode()
    assert "incomplete" in Client().get("/setup").content.decode()
    assert Client().get(f"/setup?token={last}").status_code == 200


def test_a_redis_that_does_not_answer_is_named_by_its_host_without_its_password(
    closed_port: int, settings: Settings
) -> None:
    settings.REDIS_URL = f"redis://:secret@127.0.0.1:{closed_port}/0"
    shown = Client().get(f"/setup?token={new_set_up_link()}").content.decode()
    assert f"<code>127.0.0.1:{closed_port}</code>" in shown
    assert "Redis does not answer" in shown
    assert 'hx-trigger="every 5s"' in shown
    assert "secret" not in shown


def test_the_first_admin_gets_an_organization_an_address_and_a_language(closed_port: int, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"
    token = new_set_up_link()
    weak = Client().post(f"/setup?token={token}", FIELDS | {"password": "password"})
    assert weak.status_code == 422
    answer = Client().post(f"/setup?token={token}", FIELDS)
    assert answer.headers["Location"] == "/console/admin/mail-server?step=2"
    person = User.objects.get(email="root@example.com")
    assert (person.is_platform_admin, person.language) == (True, "ja")
    assert Organization.objects.get(is_default=True).display_name == "Acme Ltd"
    assert Installation.objects.get().base_url == "https://apis.example.com"
    assert Client().get(f"/setup?token={token}").headers["Location"] == "/console/admin"


@pytest.mark.django_db
def test_the_set_up_link_makes_the_first_admin_once(log_in: LogIn) -> None:
    client, url = log_in(None), f"/setup?token={new_set_up_link()}"
    data = {
        "email": "ana@acme.example", "password": "a long and odd one", "organization_name": "Acme Ltd",
        "base_url": "http://127.0.0.1:8000", "language": "en",
    }  # fmt: skip

    assert client.post("/setup?token=wrong", data).status_code == 403
    mail = client.post(url, data)["Location"]
    assert mail == "/console/admin/mail-server?step=2"
    assert "Skip for now" in client.get(mail).content.decode()
    assert client.get("/console/admin").status_code == 200
    assert log_in(None).get(url).status_code == 302
