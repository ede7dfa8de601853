"""Two colleagues with one form open: who saves second is told, keeps what they entered, and may save again (H31)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.usefixtures("environment")

UPSTREAM = {"targets-TOTAL_FORMS": "1", "targets-INITIAL_FORMS": "0", "targets-0-url": "http://127.0.0.1:9555",
            "targets-0-weight": "100", "timeout_s": "7"}  # fmt: skip


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def client(log_in: LogIn, owner: User) -> Client:
    return log_in(owner)


def seen(client: Client, url: str) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', client.get(url).content.decode())
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("page", "entered", "kept"), [
    ("upstream", UPSTREAM, 'value="http://127.0.0.1:9555"'), ("policies", {"note": "mine"}, 'value="mine"'),
])  # fmt: skip
def test_a_revision_that_was_saved_meanwhile_is_not_taken_back_unawares(
    client: Client, bank: APIVersion, page: str, entered: dict[str, str], kept: str
) -> None:
    url = f"/console/apis/bank/versions/v1/{page}"
    began = seen(client, url)
    services.save_revision(version=bank, by=TESTER, policies=[{"size-limit": {"max": "1MiB"}}])
    told = client.post(url, {**entered, "seen": began})
    assert told.status_code == 422
    assert "saved revision 2 meanwhile" in told.content.decode()
    assert kept in told.content.decode()
    assert bank.revisions.count() == 2
    again = re.search(r'name="seen" value="([^"]*)"', told.content.decode())
    assert again is not None
    assert client.post(url, {**entered, "seen": again[1]}).status_code == 302


def test_settings_that_were_saved_meanwhile_are_not_taken_back_unawares(client: Client, bank: APIVersion) -> None:
    url = "/console/apis/bank/settings"
    entered = {
        "display_name": "Mine", "visibility": "public", "key_header": "x-api-key", "seen": seen(client, url)
    }  # fmt: skip
    services.update_api(api=bank.api, changes={"display_name": "Theirs"}, by=TESTER)
    told = client.post(url, entered)
    assert told.status_code == 422
    assert "Somebody saved these settings meanwhile" in told.content.decode()
    assert 'value="Mine"' in told.content.decode()
    bank.api.refresh_from_db()
    assert bank.api.display_name == "Theirs"
    entered["seen"] = re.findall(r'name="seen" value="([^"]*)"', told.content.decode())[0]
    assert client.post(url, entered).status_code == 302
    bank.api.refresh_from_db()
    assert bank.api.display_name == "Mine"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_settings_at_the_same_moment_one_is_told(
    client: Client, bank: APIVersion, log_in: LogIn, owner: User
) -> None:
    url = "/console/apis/bank/settings"
    clients, both = (client, log_in(owner)), Barrier(2)
    entered = {"visibility": "public", "key_header": "x-api-key", "seen": seen(client, url)}

    def save(number: int) -> int:
        both.wait()
        try:
            return clients[number].post(url, {**entered, "display_name": f"Name {number}"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(save, range(2)))
    assert sorted(answers) == [302, 422]
    bank.api.refresh_from_db()
    assert bank.api.display_name == f"Name {answers.index(302)}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["upstream", "policies"])
def test_of_two_who_save_a_revision_at_the_same_moment_one_is_told(
    client: Client, bank: APIVersion, log_in: LogIn, owner: User, page: str
) -> None:
    url = f"/console/apis/bank/versions/v1/{page}"
    clients, both = (client, log_in(owner)), Barrier(2)
    began = seen(client, url)

    def save(number: int) -> int:
        entered = {
            **UPSTREAM,
            "timeout_s": str(number + 5),
            "size-limit-is_on": "on",
            "size-limit-max": f"{number + 1}MiB",
        }
        both.wait()
        try:
            return clients[number].post(url, {**entered, "seen": began}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(save, range(2)))
    assert sorted(answers) == [302, 422]
    assert bank.revisions.count() == 2
