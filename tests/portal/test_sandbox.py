"""The sandbox for visitors: a key of their own, real calls of the real gateway's address, and nothing else."""

from __future__ import annotations

import re
from html import unescape

import pytest

from apim.accounts.models import User
from apim.catalog.models import API
from apim.catalog.services.sandboxes import name_sandbox_service
from apim.gateways.models import Environment
from apim.gateways.sandbox import twin_id
from apim.gateways.services import update_environment
from apim.onboarding.models import PageViews, SandboxKey
from apim.onboarding.sandbox_keys import text_of
from apim.usage.models import UsageRecord
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.portal.conftest import Gateway

CALL = {"key_from": "sandbox", "method": "GET", "path": "/accounts"}
OPERATION = "/apis/bank/v1/reference/get/accounts"


@pytest.fixture
def bank(environment: Environment, gateway: Gateway) -> API:
    """A public API with a document, in an environment with a sandbox."""
    update_environment(environment=environment, changes={"has_sandbox": True}, by=TESTER)
    return catalog.described(name="bank").api


@pytest.mark.usefixtures("bank")
def test_a_visitor_tries_a_call_without_an_account(gateway: Gateway, log_in: LogIn) -> None:
    client = log_in(None)
    assert "Try without an account" in client.get("/apis/bank").content.decode()
    page = client.post("/apis/bank/v1/try", CALL).content.decode()
    key = SandboxKey.objects.get()
    [(method, path, headers, _)] = gateway.asked
    assert (method, path, headers["x-api-key"]) == ("GET", "/sandbox.bank/v1/accounts", text_of(key))
    assert "Sandbox: an example, not real data" in page
    assert key.user is None


def test_who_tries_is_told_that_a_test_system_of_the_owner_answers(bank: API, log_in: LogIn) -> None:
    upstream = {"targets": [{"url": "https://test.example.com"}]}
    name_sandbox_service(version=bank.versions.get(), upstream=upstream, by=TESTER)
    client = log_in(None)
    pages = [client.get("/apis/bank"), client.get(OPERATION), client.post("/apis/bank/v1/try", CALL)]
    texts = [unescape(page.content.decode()) for page in pages]
    assert "The test system of the API's owner answers" in texts[0]
    assert "the owner's test system answers" in texts[1]
    assert "Sandbox: the owner's test system" in texts[2]
    assert not any("test.example.com" in text for text in texts)


@pytest.mark.usefixtures("bank")
def test_one_browser_has_one_key_and_sees_it_in_every_sample(log_in: LogIn) -> None:
    client = log_in(None)
    assert "YOUR_API_KEY" in client.get(OPERATION).content.decode()
    for _ in range(2):
        assert client.post("/sandbox/key", {"next": OPERATION})["Location"] == OPERATION
    key = text_of(SandboxKey.objects.get())
    page = client.get(OPERATION).content.decode()
    assert key in page
    assert "/sandbox.bank/v1/accounts" in page
    assert key not in log_in(None).get(OPERATION).content.decode()


@pytest.mark.usefixtures("bank")
def test_the_first_call_tells_the_samples_of_the_page_that_there_is_a_key(log_in: LogIn) -> None:
    client = log_in(None)
    first, second = (client.post("/apis/bank/v1/try", CALL) for _ in range(2))
    assert "sandbox-key" in first["HX-Trigger"]
    assert "HX-Trigger" not in second


@pytest.mark.usefixtures("bank")
def test_looking_at_a_reference_makes_no_key(log_in: LogIn) -> None:
    client = log_in(None)
    for path in (OPERATION, "/apis/bank/v1/reference", f"{OPERATION}?language=go", "/sandbox/key"):
        client.get(path)
    assert not SandboxKey.objects.exists()


@pytest.mark.usefixtures("bank")
def test_a_key_that_is_refused_is_told_by_the_whole_page(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.sandbox.SANDBOX_KEYS", 0)
    client = log_in(None)
    answer = client.post("/sandbox/key", {"next": OPERATION}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == OPERATION
    assert "Too many tries" in client.get(OPERATION).content.decode()


@pytest.mark.usefixtures("bank")
def test_a_person_keeps_their_key_in_every_browser(developer: User, log_in: LogIn) -> None:
    for _ in range(2):
        log_in(developer).post("/sandbox/key")
    assert SandboxKey.objects.get().user == developer


@pytest.mark.usefixtures("bank")
def test_samples_come_in_the_language_chosen_last_without_scripts(log_in: LogIn) -> None:
    client = log_in(None)
    assert "curl http" in client.get(OPERATION).content.decode()
    assert "public class Call" in client.get(f"{OPERATION}?language=java").content.decode()
    assert "public class Call" in client.get(OPERATION).content.decode()
    assert "package main" in client.get(f"{OPERATION}?language=go").content.decode()
    assert "package main" in client.get(f"{OPERATION}?language=cobol").content.decode()


def test_internal_apis_have_no_sandbox(bank: API, owner: User, gateway: Gateway, log_in: LogIn) -> None:
    API.objects.filter(pk=bank.pk).update(visibility=API.Visibility.INTERNAL)
    assert log_in(None).post("/apis/bank/v1/try", CALL).status_code == 404
    API.objects.filter(pk=bank.pk).update(organization=owner.organizations.get())
    answer = log_in(owner).post("/apis/bank/v1/try", CALL).content.decode()
    assert "This API has no sandbox" in answer
    assert gateway.asked == []


@pytest.mark.usefixtures("bank")
def test_one_network_gets_so_many_keys_and_no_more(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.sandbox.SANDBOX_KEYS", 1)
    log_in(None).post("/sandbox/key")
    answer = log_in(None).post("/apis/bank/v1/try", CALL)
    assert "Too many tries" in answer.content.decode()
    assert SandboxKey.objects.count() == 1


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_stays_here(log_in: LogIn, target: str) -> None:
    assert log_in(None).post("/sandbox/key", {"next": target})["Location"] == "/"


@pytest.mark.usefixtures("bank")
def test_the_split_of_the_time_is_told_to_who_called_alone(environment: Environment, log_in: LogIn) -> None:
    client = log_in(None)
    page = client.post("/apis/bank/v1/try", CALL).content.decode()
    asked = re.search(r"/calls/req_1/timing\?took=(\d+)&amp;tries=1", page)
    assert asked is not None
    key = SandboxKey.objects.get()
    UsageRecord.objects.create(
        gateway_id="gw", boot="b", seq=1, request_id="req_1", at=key.created_at, environment_id=environment.id,
        credential_id=key.id, status=200, duration_us=4000, upstream_us=3000,
    )  # fmt: skip
    told = client.get("/calls/req_1/timing?took=9000&tries=1").content.decode()
    assert [word in told for word in ("5.0 ms", "1.0 ms", "3.0 ms")] == [True, True, True]
    other = log_in(None).get("/calls/req_1/timing?took=9000&tries=1").content.decode()
    assert other == log_in(None).get("/calls/req_1/timing?took=9000&tries=1").content.decode()
    assert "3.0 ms" not in other
    assert "has not told yet" in log_in(None).get("/calls/req_1/timing?tries=99").content.decode()


@pytest.mark.parametrize(
    "service", [{}, {"targets": [{"url": "https://test.bank.example"}]}], ids=["document", "service"]
)
def test_the_split_names_a_service_where_one_answers_for_the_sandbox(
    bank: API, environment: Environment, log_in: LogIn, service: dict[str, object]
) -> None:
    client = log_in(None)
    client.post("/apis/bank/v1/try", CALL)
    version = bank.versions.get()
    type(version).objects.filter(pk=version.pk).update(sandbox_upstream=service)
    key = SandboxKey.objects.get()
    UsageRecord.objects.create(
        gateway_id="gw", boot="b", seq=1, request_id="req_1", at=key.created_at, environment_id=environment.id,
        credential_id=key.id, version_id=twin_id(version.id), status=200, duration_us=4000, upstream_us=3000,
    )  # fmt: skip
    told = client.get("/calls/req_1/timing?took=9000&tries=1").content.decode()
    assert [word in told for word in ("3.0 ms", "4.0 ms")] == [bool(service), not service]


def test_looks_at_a_page_are_counted_and_nothing_else(bank: API, log_in: LogIn) -> None:
    for _ in range(3):
        assert not log_in(None).get("/apis/bank").cookies.get("sessionid")
    assert PageViews.objects.get().views == 3
    assert PageViews.objects.get().api == bank
