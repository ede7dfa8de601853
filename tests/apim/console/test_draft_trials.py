"""Trying a draft in the console: owners alone, in words, and nothing of it deployed."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.views import draft_trials
from apim.gateways.models import Environment
from apim.products.models import Plan
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER, member
from tests.factories.products import plan
from tests.upstreams import Upstream

URL = "/console/apis/bank/versions/v1/try/draft"
CALL = {"method": "GET", "path": "/accounts"}


@pytest.fixture
def bank(environment: Environment, acme: Organization) -> APIVersion:
    """A draft whose service nobody plays."""
    environment.allowed_networks = ["127.0.0.0/8"]
    environment.save(update_fields=["allowed_networks"])
    return catalog.draft(of=catalog.api(organization=acme, name="bank"))


def test_a_draft_answers_its_owner_before_anybody_published_it(
    log_in: LogIn, owner: User, acme: Organization, bank: APIVersion
) -> None:
    starter = plan(organization=acme, name="starter")
    Plan.objects.filter(pk=starter.pk).update(display_name="For beginners")
    with Upstream() as service:
        services.save_revision(
            version=bank,
            by=TESTER,
            operations=catalog.OPERATIONS,
            upstream={"targets": [{"url": service.url}]},
            policies=[{"size-limit": {"max": "1MiB"}}],
        )
        client = log_in(owner)
        page = client.get(URL)
        choice = page.context["form"].initial["caller"]
        assert choice.endswith(starter.versions.get().id)
        answered = client.post(URL, {**CALL, "caller": choice})
    assert answered.status_code == 200
    text = answered.content.decode()
    assert answered.context["answer"].status == 200
    assert "draft, not deployed" in text
    assert "by the plan For beginners" in text
    assert 'class="callway"' in text
    bank.refresh_from_db()
    assert bank.state == APIVersion.State.DRAFT
    assert not bank.deployments.exists()


def test_without_a_key_the_draft_s_refusal_is_shown(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    answered = log_in(owner).post(URL, {**CALL, "caller": "nobody"})
    assert answered.context["answer"].status == 401
    assert b"unauthenticated" in answered.content


def test_the_form_begins_with_the_operation_that_is_asked_for(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    assert client.get(URL).context["form"].initial["path"] == "/accounts"
    asked = client.get(URL, {"operation": "GET /accounts/{id}"})
    assert asked.context["form"].initial["path"] == "/accounts/{id}"


def test_a_caller_that_is_none_of_the_choices_is_refused(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    refused = log_in(owner).post(URL, {**CALL, "caller": "prd_other:plv_other"})
    assert refused.status_code == 422
    assert refused.context["trial"] is None


def test_others_do_not_learn_that_there_is_a_draft(log_in: LogIn, globex: Organization, bank: APIVersion) -> None:
    stranger = member(globex, role="owner")
    assert log_in(stranger).post(URL, CALL).status_code == 404


def test_private_plans_of_others_are_no_choice(
    log_in: LogIn, owner: User, globex: Organization, bank: APIVersion
) -> None:
    Plan.objects.filter(pk=plan(organization=globex, name="theirs").pk).update(visibility=Plan.Visibility.PRIVATE)
    assert b"theirs" not in log_in(owner).get(URL).content


def test_what_no_gateway_would_serve_is_told_with_its_problems(
    log_in: LogIn, owner: User, bank: APIVersion, environment: Environment
) -> None:
    environment.allowed_networks = []
    environment.save(update_fields=["allowed_networks"])
    told = log_in(owner).post(URL, {**CALL, "caller": "nobody"})
    assert told.context["trial"] is None
    assert b"No gateway would serve this draft" in told.content
    assert b"outside the networks" in told.content


def test_a_person_tries_so_often_in_an_hour(
    log_in: LogIn, owner: User, bank: APIVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_trials, "CALLS_AN_HOUR", 0)
    told = log_in(owner).post(URL, {**CALL, "caller": "nobody"})
    assert told.status_code == 422
    assert b"within an hour" in told.content


def test_a_version_without_a_revision_says_what_is_missing(
    log_in: LogIn, owner: User, environment: Environment, acme: Organization
) -> None:
    services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    assert b"There is no draft yet" in log_in(owner).get(URL).content


def test_the_number_of_queries_does_not_grow_with_plans(
    log_in: LogIn, owner: User, acme: Organization, bank: APIVersion, django_assert_max_num_queries: object
) -> None:
    client = log_in(owner)
    client.get(URL)
    counted = []
    for number in (1, 6):
        for each in range(number):
            plan(organization=acme, name=f"plan-{number}-{each}")
        with django_assert_max_num_queries(60) as queries:  # type: ignore[operator]
            client.get(URL)
        counted.append(len(queries))
    assert counted[0] == counted[1]
