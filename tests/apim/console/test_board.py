"""The board: a card for each version in the column of its state, and the moves that lead to pages which ask."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.views.board import COLUMNS, moves_of
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.usefixtures("environment")


def cards(client: Client, query: str = "") -> dict[str, list[str]]:
    columns = client.get(f"/console/board{query}").context["columns"]
    return {column.state: [str(card.version) for card in column.cards] for column in columns if column.cards}


def test_versions_stand_in_the_column_of_their_state(log_in: LogIn, owner: User, acme: Organization) -> None:
    bank = catalog.api(organization=acme, name="bank")
    catalog.published(of=bank)
    services.submit_version(version=catalog.draft(of=bank, name="v2"), by=TESTER)
    blocked = catalog.published(of=catalog.api(organization=acme, name="cards"))
    services.block_version(version=blocked, by=TESTER, reason="Leaks")
    client = log_in(owner)
    assert cards(client) == {"published": ["bank v1"], "review": ["bank v2"], "blocked": ["cards v1"]}
    assert cards(client, "?api=cards") == {"blocked": ["cards v1"]}


def test_versions_of_others_and_of_archived_apis_are_not_on_it(
    log_in: LogIn, owner: User, other_owner: User, acme: Organization
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    assert cards(log_in(other_owner)) == {}
    services.archive_api(api=version.api, by=TESTER)
    assert b"No version yet" in log_in(owner).get("/console/board").content


def test_a_card_of_another_team_has_no_moves(log_in: LogIn, team_owner: User, acme: Organization) -> None:
    catalog.draft(of=catalog.api(organization=acme, name="cards", team="cards"))
    columns = log_in(team_owner).get("/console/board").context["columns"]
    assert [card.moves for column in columns for card in column.cards] == [()]


@pytest.mark.parametrize("state", [str(state) for state, _label in COLUMNS])
def test_every_move_that_services_allow_has_a_page(state: str, acme: Organization) -> None:
    version = catalog.draft(of=catalog.api(organization=acme))
    version.state = state
    expected = {"blocked": 1}.get(state, len(services.versions.NEXT_STATES[APIVersion.State(state)]))
    assert len(moves_of(version)) == expected


def test_the_board_asks_as_often_for_many_cards_as_for_one(log_in: LogIn, owner: User, acme: Organization) -> None:
    client = log_in(owner)
    catalog.published(of=catalog.api(organization=acme))
    client.get("/console/board")
    with CaptureQueriesContext(connection) as few:
        client.get("/console/board")
    for _ in range(3):
        catalog.published(of=catalog.api(organization=acme))
    with CaptureQueriesContext(connection) as many:
        client.get("/console/board")
    assert len(many) == len(few)


def test_what_cannot_be_undone_has_to_be_typed(log_in: LogIn, owner: User, acme: Organization) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    services.deprecate_version(version=version, by=TESTER, deprecated_at=timezone.now())
    client, url = log_in(owner), "/console/apis/bank/versions/v1/retire"
    assert client.post(url, {"typed": "v1"}).status_code == 422
    assert client.post(url, {"typed": "bank v1"}).status_code == 302
    version.refresh_from_db()
    assert version.state == "retired"
    services.archive_api(api=version.api, by=TESTER)
    assert client.post("/console/apis/bank/delete").status_code == 422
    assert client.post("/console/apis/bank/delete", {"typed": "bank"}).status_code == 302
    assert not APIVersion.objects.exists()
