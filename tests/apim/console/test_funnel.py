"""The funnel page: empty at first, then the steps of real people, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.onboarding.journeys import count_view
from apim.onboarding.models import Journey
from tests.conftest import LogIn
from tests.factories import accounts, catalog, products

URL = "/console/apis/bank/funnel"


@pytest.fixture
def comes(acme: Organization) -> Callable[[str], None]:
    """`comes(name)`: somebody went the whole way to the API `bank` in 38 seconds."""
    product = products.product(version=catalog.published(of=catalog.api(organization=acme, name="bank")))

    def come(name: str) -> None:
        user = accounts.user(f"{name}@example.org")
        at = user.created_at + timedelta(seconds=38)
        times = {"began_at": timezone.now(), "applied_at": at, "key_at": at, "requested_at": at, "succeeded_at": at}
        Journey.objects.create(user=user, product=product, **times)
        count_view(product.items.get().version.api)

    return come


@pytest.mark.usefixtures("comes")
def test_before_anybody_came_it_says_so(owner: User, log_in: LogIn) -> None:
    assert "Nobody came yet" in log_in(owner).get(URL).content.decode()


def test_it_tells_steps_and_times_and_names_nobody(comes: Callable[[str], None], owner: User, log_in: LogIn) -> None:
    comes("ada")
    page = log_in(owner).get(f"{URL}?range=7d").content.decode()
    assert "38 s" in page
    assert "First 2xx" in page
    assert "ada" not in page


def test_a_link_of_the_release_before_leads_to_the_same_range(owner: User, log_in: LogIn) -> None:
    assert log_in(owner).get(f"{URL}?days=7")["Location"] == f"{URL}?range=7d"


def test_it_costs_the_same_for_few_and_many(comes: Callable[[str], None], owner: User, log_in: LogIn) -> None:
    client = log_in(owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get(URL)
        return len(found)

    comes("ada")
    queries()
    few = queries()
    for number in range(6):
        comes(f"user{number}")
    assert queries() == few
