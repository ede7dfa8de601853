"""The editor's preview: what the portal will show of a text, of the operation that the cursor is in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.preview import OVERVIEW, SHOWN_AT_ONCE, Wish, preview_of
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

URL = "/console/apis/bank/versions/v1/editor"
TEXT = """\
openapi: 3.1.0
info: {title: Bank, version: '1', description: All of it.}
paths:
  /accounts:
    get:
      summary: List accounts
      description: Hello <script>alert(1)</script><b onclick=x>you</b> [a](javascript:alert(1))
      parameters:
        - {name: limit, in: query, required: true, description: How many., schema: {type: integer, maximum: 50}}
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Accounts'}}}}
        '404': {description: There is none.}
  /cards:
    post: {summary: Make a card, responses: {'201': {description: made}}}
components:
  schemas:
    Accounts: {type: object, properties: {total: {type: integer, example: 7}}}
"""

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    """A published version whose revision has the document."""
    version = services.create_version(
        api=catalog.api(organization=acme, name="bank", visibility="public"), name="v1", by=TESTER
    )
    services.save_revision(version=version, by=TESTER, document=TEXT, upstream=catalog.UPSTREAM)
    services.publish_version(version=version, by=TESTER)
    return version


@pytest.fixture
def client(log_in: LogIn, owner: User) -> Client:
    """The owner's."""
    return log_in(owner)


def asked(client: Client, text: str = TEXT, **wish: str) -> Answer:
    """What the page is sent while one types."""
    data = {"text": text, "seen": "1", "preview": "1", **wish}
    return client.post(URL, data, headers={"HX-Request": "true"})


def test_the_operation_that_the_cursor_is_in_is_shown_in_full(client: Client, bank: APIVersion) -> None:
    seen = asked(client, at="9").content.decode()
    for part in ("List accounts", "How many.", "at most 50", "&quot;total&quot;: 7", "There is none.", "?limit="):
        assert part in seen
    assert "Make a card" not in seen
    assert "Make a card" in asked(client, at="14", shown="GET /accounts").content.decode()


def test_below_the_paths_what_was_seen_stays_and_above_them_is_the_overview(client: Client, bank: APIVersion) -> None:
    assert "Make a card" in asked(client, at="17", shown="POST /cards").content.decode()
    assert "All of it." in asked(client, at="2", shown="POST /cards").content.decode()


def test_it_is_what_the_portal_shows(client: Client, bank: APIVersion) -> None:
    seen = asked(client, show="GET /accounts").content.decode()
    portal = client.get("/apis/bank/v1/reference/get/accounts").content.decode()
    pieces = re.findall(r'<ul class="parameters">.*?</ul>|<details class="disclosure".*?</details>', seen, re.DOTALL)
    assert len(pieces) >= 3
    assert all(piece in portal for piece in pieces)


def test_hostile_text_is_cleaned_as_in_the_portal(client: Client, bank: APIVersion) -> None:
    seen = asked(client, show="GET /accounts").content.decode()
    assert "you" in seen
    assert not re.search(r"<script|<b onclick|href=\"javascript", seen)


def test_while_no_document_can_be_read_the_page_keeps_what_it_shows_and_says_why(
    client: Client, bank: APIVersion
) -> None:
    answer = asked(client, TEXT + "a: [", at="9")
    assert answer["HX-Reswap"] == "none"
    assert b"Not up to date" in answer.content
    assert b"List accounts" not in answer.content


def test_without_a_script_what_was_saved_last_is_shown_meanwhile(client: Client, bank: APIVersion) -> None:
    whole = client.post(URL, {"text": "a: [", "seen": "1", "show": "POST /cards"}).content.decode()
    assert "Not up to date" in whole
    assert "Make a card" in whole


def test_buttons_of_the_preview_save_nothing(client: Client, bank: APIVersion) -> None:
    told = client.post(URL, {"text": TEXT + "x-a: 1\n", "seen": "1", "speak": "python", "shown": "GET /accounts"})
    assert b"import httpx" in told.content or b"import requests" in told.content
    assert bank.revisions.count() == 1


def test_the_outline_is_sent_again_only_when_it_is_another_one(client: Client, bank: APIVersion) -> None:
    first = asked(client, at="9").content.decode()
    mark = re.search(r'name="outline" value="(\w+)"', first)
    assert mark
    assert 'id="preview-outline"' not in asked(client, at="14", outline=mark[1]).content.decode()
    assert 'id="preview-outline"' in asked(client, at="9", outline=mark[1], find="card").content.decode()


def test_a_text_too_large_for_the_page_changes_nothing_in_the_preview(client: Client, bank: APIVersion) -> None:
    assert asked(client, TEXT + "#" * 1_000_001).status_code == 204


def large(operations: int) -> str:
    """A document with so many operations in groups of fifty."""
    paths = "".join(
        f"  /things/{n}:\n    get: {{tags: [G{n // 50}], responses: {{'200': {{description: ok}}}}}}\n"
        for n in range(operations)
    )
    return catalog.openapi(paths)


def test_of_a_large_document_one_operation_is_read_and_one_group_listed(client: Client, bank: APIVersion) -> None:
    small, big = (asked(client, large(number), at="5").content for number in (200, 1_000))
    assert len(big) - len(small) < 16 * 800  # for each of 800 operations a line, and for each of 16 groups a button
    listed = preview_of(large(1_000), bank, "", Wish(show="GET /things/77")).outline
    assert [group.name for group in listed if group.entries] == ["G1"]
    assert sum(len(group.entries) for group in listed) == 50
    found = preview_of(large(1_000), bank, "", Wish(words="things")).outline
    assert sum(len(group.entries) for group in found) == SHOWN_AT_ONCE


@pytest.mark.parametrize("line", ["", "0", "-1", "x", "9" * 40, "²"])
def test_a_line_that_is_none_shows_the_first_operation(bank: APIVersion, line: str) -> None:
    assert preview_of(TEXT, bank, "", Wish(line=line)).shown == "GET /accounts"


def test_a_document_without_operations_shows_the_overview(bank: APIVersion) -> None:
    assert preview_of("openapi: 3.1.0\ninfo: {}\npaths: {}\n", bank, "", Wish()).shown == OVERVIEW
