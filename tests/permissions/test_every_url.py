"""Every URL of the control plane, walked by everyone, with the ids of another tenant's objects.

Each URL has a row in table.py; one that has none fails, so that nobody adds a page without saying whose it is.

Promises R10, H29.
"""

from __future__ import annotations

import re
from copy import deepcopy

import pytest
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client

from apim.accounts.models import Organization
from tests.factories import accounts as accounts_factory
from tests.permissions.routes import routes
from tests.permissions.table import TABLE
from tests.permissions.world import ROLES, World

OF_A_TEAM = {
    "application", "application_id", "credential", "credential_id", "subscription", "subscription_id",
    "transfer", "transfer_id", "request_id",
}  # fmt: skip
OF_A_PERSON = {"token", "token_id", "notification_id", "log_in_id"}


def expected(route: str, method: str) -> str:
    """What the table says of a route: one letter for each role."""
    row = TABLE.get(route, "")
    return row if isinstance(row, str) else row.get(method, row.get("*", ""))


def outcome(response: HttpResponseBase) -> str:
    """L sent to log in (or told to authenticate), F forbidden, 0 not found, - not such a method, + anything else."""
    status = response.status_code
    if status == 401 or (status == 302 and response["Location"].startswith("/account/login/?next=")):
        return "L"
    return {403: "F", 404: "0", 405: "-"}.get(status, "!" if status >= 500 else "+")


def ask(logged_in: Client, method: str, path: str) -> str:
    """The outcome of a request, whose effects are undone: the database's, and those on the client's cookies."""
    client = Client(raise_request_exception=False)
    client.cookies = deepcopy(logged_in.cookies)
    with transaction.atomic():
        response = client.generic(method, path, b"{}" if path.startswith("/api/") else b"", "application/json"
                                  if path.startswith("/api/") else "application/x-www-form-urlencoded")  # fmt: skip
        transaction.set_rollback(True)
    return outcome(response)


def test_every_url_has_a_row_and_every_row_a_url() -> None:
    assert {route for route, _ in routes()} == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
def test_every_url_answers_each_role_as_the_table_says(world: World, role: str) -> None:
    client = world.client(role)
    column = ROLES.index(role)
    wrong = []
    for route, methods in routes():
        for method in methods:
            wanted = expected(route, method)
            found = ask(client, method, world.path(route))
            if found != "-" and (not wanted or found != wanted[column]):
                wrong.append(f"{method} {route}: {found}, wanted {wanted[column] if wanted else 'a row'}")
    assert not wrong, "\n".join(wrong)


def test_what_a_team_has_is_for_a_member_of_another_team_as_it_is_for_strangers(
    world: World, initech: Organization
) -> None:
    """The application of the world belongs to a team of initech; whoever is bound to another sees nothing of it."""
    client = Client()
    client.force_login(accounts_factory.member(initech, "elsewhere@initech.example", team="elsewhere"))
    stranger, member = ROLES.index("stranger"), ROLES.index("developer")
    wrong = []
    for route, methods in routes():
        is_strange = bool((OF_A_TEAM | OF_A_PERSON).intersection(re.findall(r"<(?:\w+:)?(\w+)>", route)))
        for method in methods:
            found = ask(client, method, world.path(route))
            wanted = expected(route, method)
            if found != "-" and found != wanted[stranger if is_strange else member]:
                wrong.append(f"{method} {route}: {found}, wanted {wanted}")
    assert not wrong, "\n".join(wrong)
