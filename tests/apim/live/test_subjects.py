"""What pages show live: who may watch it, and that its mark is another one when there is something new to see."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.accounts.models import Organization, User
from apim.billing.models import StripeEvent, TopUp
from apim.live.subjects import Subject, permitted, read_marks
from apim.products.services import create_meter
from tests.factories import accounts, catalog
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest
from tests.prepaid import prepaid as prepaid  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("environment")
def test_what_the_console_shows_live_is_told_to_who_may_open_its_page(
    developer: User, admin: User, owner: User, other_owner: User, acme: Organization
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="vault", visibility="internal"))
    meter = create_meter(organization=acme, name="sums", definition={}, by=accounts.TESTER)
    arms, sums = Subject("arms", version.pk), Subject("meter", meter.pk)
    asked = [arms, sums, Subject("stripe-event", "prod_1")]
    assert permitted(owner, asked) == {arms, sums}
    assert permitted(admin, asked) == set(asked)
    assert permitted(other_owner, asked) == permitted(developer, asked) == set()


def target(**told: object) -> dict[str, object]:
    """What a gateway reports of a target of version ver_1."""
    return {"version": "ver_1", "target": "http://a", "state": "up", "requests": 1, "failures": 0} | told


@pytest.mark.usefixtures("environment")
def test_arms_are_told_anew_when_calls_failures_or_weights_change() -> None:
    gateway, arms, other = enrolled_gateway().gateway, Subject("arms", "ver_1"), Subject("arms", "ver_2")
    seen = []
    for told in ([], [target()], [target()], [target(requests=2)], [target(requests=2, failures=1)]):
        gateway.targets = told
        gateway.save()
        seen.append(read_marks([arms, other]))
    changes = [before[arms] != after[arms] for before, after in pairwise(seen)]
    assert changes == [True, False, True, True]
    assert len({each[other] for each in seen}) == 1

    version = catalog.published(of=catalog.api(name="shifted"))
    arms = Subject("arms", version.pk)
    before = read_marks([arms])
    version.deployments.update(arm_weights={"stable": 90, "next": 10})
    assert read_marks([arms]) != before


@pytest.mark.usefixtures("environment")
def test_a_meter_is_told_anew_when_something_was_counted(acme: Organization) -> None:
    meter = Subject("meter", create_meter(organization=acme, name="sums", definition={}, by=accounts.TESTER).pk)
    before = read_marks([meter])
    assert read_marks([meter]) == before
    ingest(gateway=enrolled_gateway().gateway, batch=batch(event(1)))
    assert read_marks([meter]) != before


def test_a_payment_is_told_when_it_is_known_here(prepaid: Subscription) -> None:
    mine, stripe = Subject("subscription", prepaid.pk), Subject("stripe-event", "cus_1")
    before = read_marks([mine, stripe])
    TopUp.objects.create(
        subscription=prepaid, mode="test", kind=TopUp.Kind.CHECKOUT, currency="EUR", amount=100,
        bought=prepaid.plan_version, made_by="somebody",
    )  # fmt: skip
    opened = read_marks([mine, stripe])
    TopUp.objects.update(state=TopUp.State.PAID)
    paid = read_marks([mine, stripe])
    assert len({before[mine], opened[mine], paid[mine]}) == 3
    assert before[stripe] == paid[stripe]
    StripeEvent.objects.create(id="evt_1", type="customer.updated", object_id="cus_1", created_at=timezone.now())
    assert read_marks([stripe]) != {stripe: paid[stripe]}
