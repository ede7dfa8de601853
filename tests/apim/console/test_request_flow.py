"""The request flow: which blocks act, and each act on them as a revision that can be undone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.request_flow import blocks_of, shifted
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

URL = "/console/apis/bank/versions/v1/flow"
ONE = {"method": "GET", "path": "/accounts"}
LIMIT, SIZE = {"rate-limit": {"limit": "5/s"}}, {"size-limit": {"max": "1MiB"}}


@pytest.fixture
def bank(environment: object, acme: Organization) -> APIVersion:
    """A version with two policies for all operations."""
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    services.save_revision(version=version, by=TESTER, policies=[SIZE, LIMIT])
    return version


def policies(version: APIVersion) -> list[object]:
    return list(version.revisions.first().policies)


def test_blocks_stand_in_the_order_in_which_kinds_act_whatever_the_order_written() -> None:
    assert [block.kind for block in blocks_of([SIZE, LIMIT], [], None)] == ["rate-limit", "size-limit"]


def test_the_narrowest_policy_of_a_kind_acts_and_limits_add_up() -> None:
    own = [{"key-auth": {"bearer": False}}, {"key-auth": {"anonymous": True, "operations": ["GET /accounts"]}}, LIMIT]
    inherited = [{"key-auth": {}}, {"rate-limit": {"limit": "9/s"}}]
    replaced = [(block.scope, block.replaced_by) for block in blocks_of(own, inherited, ONE)]
    assert replaced == [
        ("environment", "operation"), ("version", "operation"), ("operation", None),
        ("environment", None), ("version", None),
    ]  # fmt: skip
    assert [block.replaced_by for block in blocks_of(own, inherited, None)][:2] == ["version", None]


def test_two_policies_of_a_kind_that_name_the_same_operation_are_marked() -> None:
    own = [{"cors": {"operations": [pattern]}} for pattern in ("GET /accounts", "GET /acc*")]
    assert all(block.conflict for block in blocks_of(own, [], ONE))
    assert not any(block.conflict for block in blocks_of(own[:1], [], ONE))


def test_only_policies_of_the_same_kind_change_places() -> None:
    rows = [{"request-headers": {"set": {"A": "1"}}}, LIMIT, {"request-headers": {"set": {"A": "2"}}}]
    assert shifted(rows, 2, is_earlier=True) == [rows[2], LIMIT, rows[0]]
    assert shifted(rows, 0, is_earlier=True) == rows


def test_a_block_is_added_edited_moved_removed_and_the_last_act_undone(
    log_in: LogIn, owner: User, bank: APIVersion
) -> None:
    client = log_in(owner)

    def post(query: str, number: int, **body: str) -> None:
        answer = client.post(f"{URL}{query}", {"seen": str(number), **body})
        assert answer.status_code == 302, answer.context["form"].errors

    post("?add=cors", 2, save="1", **{"cors-origins": "https://shop.example", "cors-methods": "GET"})
    assert [next(iter(policy)) for policy in policies(bank)] == ["size-limit", "rate-limit", "cors"]
    post("?edit=1", 3, save="1", **{"rate-limit-limit": "7/s", "rate-limit-by": "application"})
    assert policies(bank)[1]["rate-limit"]["limit"] == "7/s"
    post("?operation=GET+/accounts", 4, act="move", index="1", to="operation")
    assert policies(bank)[1]["rate-limit"]["operations"] == ["GET /accounts"]
    post("", 5, act="move", index="1", to="version")
    assert "operations" not in policies(bank)[1]["rate-limit"]
    post("", 6, act="remove", index="2")
    assert len(policies(bank)) == 2
    post("", 7, act="undo")
    assert len(policies(bank)) == 3
    assert bank.deployments.get().revision.number == 1, "callers get it when it is published"


def test_what_another_editor_saved_meanwhile_is_told_and_kept(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    services.save_revision(version=bank, by=TESTER, policies=[LIMIT])
    told = client.post(URL, {"seen": "2", "act": "remove", "index": "0"}, follow=True)
    assert b"Revision 3 was saved meanwhile" in told.content
    assert policies(bank) == [LIMIT]
    refused = client.post(f"{URL}?edit=0", {"seen": "2", "save": "1", "rate-limit-limit": "9/s"})
    assert refused.status_code == 422


def test_settings_that_the_kind_refuses_are_told_in_the_form(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    refused = log_in(owner).post(f"{URL}?edit=0", {"seen": "2", "save": "1", "size-limit-max": "much"})
    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == ["max"]


@pytest.mark.parametrize("query", ["?edit=99", "?edit=x", "?add=nothing", "?operation=GET+/none", "?add=client-limits"])
def test_what_is_not_there_is_left_out(log_in: LogIn, owner: User, bank: APIVersion, query: str) -> None:
    page = log_in(owner).get(URL + query)
    assert (page.status_code, page.context["form"]) == (200, None)


def test_the_page_asks_as_often_for_many_blocks_as_for_one(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    many = [{"rate-limit": {"limit": f"{number}/s", "operations": [f"GET /a{number}"]}} for number in range(1, 30)]
    services.save_revision(version=bank, by=TESTER, policies=many)
    with CaptureQueriesContext(connection) as lots:
        client.get(URL)
    assert len(lots) == len(few)
