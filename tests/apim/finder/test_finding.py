"""Finding from any page: places, things and acts, each person their own, in a number of queries that does not grow."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.finder.answers import Hit, fitting, words_of
from apim.usage.models import UsageRecord
from gateway_sync.usage_wire import request_id_of
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog, products

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}  # as Japanese input methods write Latin letters


def found(client: Client, text: str) -> set[str]:
    """The addresses that the palette offers for some words."""
    answer = client.get("/search/options", {"q": text})
    assert answer.status_code == 200
    links = re.findall(r'<a href="([^"#]+)', answer.content.decode())
    return {html.unescape(link) for link in links}


def test_places_are_found_by_what_they_are_called_and_only_by_who_may_go_there(
    log_in: LogIn, admin: User, owner: User, developer: User
) -> None:
    assert "/console/admin/gateways" in found(log_in(admin), "gatew")
    assert not {each for each in found(log_in(owner), "gatew") if each.startswith("/console/admin")}
    assert "/console/products" in found(log_in(owner), "product")
    assert not {each for each in found(log_in(developer), "") if each.startswith("/console")}
    assert "/my/apps" in found(log_in(developer), "my apps")
    assert "/my/apps" not in found(log_in(None), "")
    assert "/pricing" in found(log_in(None), "PRIC".translate(FULL_WIDTH))


@pytest.mark.usefixtures("environment")
def test_things_are_found_by_who_may_see_them(
    log_in: LogIn, owner: User, other_owner: User, admin: User, developer: User, acme: Organization
) -> None:
    catalog.draft(of=catalog.api(organization=acme, name="ledger", display_name="口座 Ledger"), name="v7")
    application = access.application(of=developer.organizations.get(), name="ledger-reader")
    mine = {"/console/apis/ledger", "/console/apis/ledger/versions/v7"}

    assert mine <= found(log_in(owner), "ledger")
    assert "/console/apis/ledger/versions/v7" in found(log_in(owner), "ledger v7")
    assert "/console/apis/ledger" in found(log_in(owner), "口座")
    assert not {each for each in found(log_in(other_owner), "ledger") if "ledger" in each}
    assert found(log_in(developer), "ledger") == {f"/my/apps/{application.pk}"}
    assert not found(log_in(None), "ledger")
    assert {*mine, f"/my/apps/{application.pk}"} <= found(log_in(admin), "ledger")
    assert "/console/admin/organizations/acme" in found(log_in(admin), "acme")
    assert f"/console/admin/users/{owner.pk}" in found(log_in(admin), owner.email)
    team = accounts.services.create_team(organization=acme, name="ledger-keepers", by=accounts.TESTER)
    assert f"/my/teams/{team.pk}" in found(log_in(owner), "keepers")
    assert not found(log_in(developer), "keepers")


@pytest.mark.usefixtures("environment")
def test_a_call_is_found_by_its_id_and_by_nobody_who_may_not_see_it(
    log_in: LogIn, owner: User, other_owner: User, developer: User, acme: Organization
) -> None:
    version = catalog.draft(of=catalog.api(organization=acme, name="ledger"), name="v7")
    application = access.application(of=developer.organizations.get(), name="reader")
    request_id = request_id_of("0123456789abcdef", 7)
    UsageRecord.objects.create(
        gateway_id="gtw_1", boot="0123456789abcdef", seq=7, request_id=request_id, at=timezone.now(), status=200,
        environment_id="env_1", path="/", application_id=application.pk, version_id=version.pk, operation="GET /a",
        duration_us=1, upstream_us=1, request_bytes=1, response_bytes=1,
    )  # fmt: skip
    assert f"/my/requests/{request_id}" in found(log_in(developer), request_id)
    assert f"/console/requests/{request_id}" in found(log_in(owner), f" {request_id} ")
    assert not {each for each in found(log_in(other_owner), request_id) if "requests" in each}
    assert not {each for each in found(log_in(None), request_id) if "requests" in each}


@pytest.mark.usefixtures("environment")
def test_the_number_of_queries_does_not_grow_with_what_there_is(log_in: LogIn, admin: User, acme: Organization) -> None:
    client = log_in(admin)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get("/search/options", {"q": "loan"})
        return len(captured)

    def make(number: int) -> None:
        version = catalog.published(of=catalog.api(organization=acme, name=f"loan-{number}"))
        products.product(version=version, name=f"loan-product-{number}")
        access.application(of=acme, name=f"loan-app-{number}")

    make(0)  # of no API that fits, nothing more is asked
    few = queries()
    for number in range(1, 7):
        make(number)
    assert queries() == few
    assert few <= 16


def test_acts_are_posted_by_forms_outside_of_the_list(log_in: LogIn, developer: User) -> None:
    body = log_in(developer).get("/search/options", {"q": "light", "next": "/my/apps?page=2"}).content.decode()
    button = re.search(r'<button type="submit" form="([^"]+)" role="option"', body)
    assert button
    assert f'<form id="{button[1]}" method="post" action="/theme">' in body
    assert 'name="next" value="/my/apps?page=2"' in body


def test_the_search_page_does_without_scripts_what_the_palette_does(log_in: LogIn, developer: User) -> None:
    body = log_in(developer).get("/search", {"q": "apps"}).content.decode()
    assert 'href="/my/apps"' in body
    assert 'role="option"' not in body.split('<dialog id="palette"')[0]
    assert '<form method="post" action="/theme">' in log_in(developer).get("/search").content.decode()


def test_what_is_called_like_nothing_leads_to_the_catalogue(log_in: LogIn) -> None:
    body = log_in(None).get("/search", {"q": "<b>zzz & co"}).content.decode()
    assert "Nothing has" in body
    assert "<b>zzz" not in body
    assert 'href="/?q=%3Cb%3Ezzz' in body


def test_letters_lead_to_the_places_of_who_presses_them(log_in: LogIn, admin: User, developer: User) -> None:
    assert log_in(admin).get("/go/g")["Location"] == "/console/admin/gateways"
    assert log_in(developer).get("/go/m")["Location"] == "/my/apps"
    assert log_in(developer).get("/go/g")["Location"] == "/keys"
    assert log_in(None).get("/go/%C3%A9")["Location"] == "/keys"


def test_no_letter_leads_to_two_places(log_in: LogIn, admin: User) -> None:
    body = log_in(admin).get("/keys").content.decode()
    letters = re.findall(r"<kbd>g</kbd> <kbd>(\w)</kbd>", body)
    assert len(letters) == len(set(letters)) > 10


def test_single_letters_are_switched_off_and_on(log_in: LogIn) -> None:
    client = log_in(None)
    answer = client.post("/keys", {"letters": "off", "next": "https://elsewhere.example/"})
    assert (answer["Location"], answer.cookies["keys"].value) == ("/keys", "off")
    assert "Switch single letters on" in client.get("/keys").content.decode()
    client.post("/keys", {"letters": "on"})
    assert "Switch single letters off" in client.get("/keys").content.decode()


def test_words_are_compared_without_case_and_width_and_beginnings_come_first() -> None:
    hits = (Hit("Old plans", "/1", "x"), Hit("Plans", "/2", "x"), Hit("Meters", "/3", "x", "Console"))
    assert [hit.url for hit in fitting(hits, words_of("PLAN".translate(FULL_WIDTH)))] == ["/2", "/1"]
    assert [hit.url for hit in fitting(hits, words_of("cons met"))] == ["/3"]
