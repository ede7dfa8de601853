"""What a person can see is told by the functions that guard it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import User
from apim.console.sight import NOUNS, Sight, sight_of
from tests.conftest import LogIn
from tests.factories import access, catalog


def counts(sight: Sight) -> dict[str, tuple[int, int | None]]:
    return {noun.title: (noun.visible, noun.editable) for noun in sight.nouns}


@pytest.mark.usefixtures("environment")
def test_each_role_sees_what_its_querysets_give(admin: User, owner: User, stranger: User) -> None:
    catalog.draft(of=catalog.api(organization=owner.organizations.get(), name="bank", visibility="internal"))

    assert counts(sight_of(owner))["APIs"] == (1, 1)
    assert counts(sight_of(stranger))["APIs"] == (0, 0)
    assert counts(sight_of(admin))["People"][0] == User.objects.count()
    assert all(is_open is not section.is_for_admins for section, is_open in sight_of(owner).sections)
    assert not any(is_open for _, is_open in sight_of(stranger).sections)
    assert all(is_open for _, is_open in sight_of(admin).sections)
    [place] = sight_of(owner).places
    assert (place.may_publish, place.may_lead) == (True, True)
    assert len(sight_of(admin).nouns) == len(NOUNS)


def test_an_owner_bound_to_a_team_publishes_and_does_not_lead(team_owner: User) -> None:
    [place] = sight_of(team_owner).places
    assert (place.may_publish, place.may_lead) == (True, False)


def test_the_page_is_read_only_and_for_admins(log_in: LogIn, admin: User, owner: User) -> None:
    url = f"/console/admin/users/{owner.id}/sight"
    assert b"What can" in log_in(admin).get(url).content
    assert log_in(owner).get(url).status_code == 403
    assert url.encode() in log_in(admin).get(f"/console/admin/users/{owner.id}").content


def test_the_page_costs_the_same_queries_for_few_and_many(developer: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            sight_of(developer)
        return len(captured)

    initech = developer.organizations.get()
    access.application(of=initech)
    few = queries()
    for _ in range(4):
        access.application(of=initech)
        catalog.published()
    assert queries() == few
