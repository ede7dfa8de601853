"""Plans, their versions and ceilings, and products: what is accepted, and what gateways hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid, Problems
from apim.gateways.models import Environment
from apim.products import services
from apim.products.limits import Terms, format_rate, parse_rate
from apim.products.models import Plan, PlanVersion, Product, ProductPlan
from tests.factories import accounts, catalog, products
from tests.factories.gateways import wanted_revision

TEN = {"requests": 10, "per_s": 1, "burst": 10}

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("text", "rate", "again"),
    [
        ("10/s", (10, 1), "10/s"),
        ("600/m", (600, 60), "600/m"),
        ("5/10s", (5, 10), "5/10s"),
        ("1/h", (1, 3600), "1/h"),
    ],
)
def test_rates_read_back_as_they_were_written(text: str, rate: tuple[int, int], again: str) -> None:
    parsed = parse_rate(text)
    assert (parsed["requests"], parsed["per_s"], parsed["burst"]) == (*rate, rate[0])
    assert format_rate(parsed) == again
    assert parse_rate(text, 3)["burst"] == 3


@pytest.mark.parametrize("text", ["", "ten/s", "10", "0/s", "10/y", "-1/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_rate(text)
    assert caught.value.code == "products.rate"


def test_a_plan_has_versions_and_one_is_active(by: Actor) -> None:
    plan = products.plan(terms=Terms(rate=TEN))
    before = wanted_revision()
    second = services.add_plan_version(plan=plan, terms=Terms(rate=TEN, quotas=[{"requests": 5, "per": "day"}]), by=by)
    assert (second.number, second.state) == (2, PlanVersion.State.ACTIVE)
    assert plan.versions.get(number=1).state == PlanVersion.State.ARCHIVED
    assert wanted_revision() == before + 1
    assert (
        services.add_plan_version(plan=plan, terms=Terms(rate=TEN, quotas=[{"per": "day", "requests": 5}]), by=by)
        == second
    )
    assert wanted_revision() == before + 1


def test_quotas_of_the_subscriptions_own_periods_are_kept_in_one_form() -> None:
    quotas = [
        {"requests": 9, "per": "period", "window": "anchored", "unit": "bytes"},
        {"requests": 3, "per": "month", "window": "anchored"},
        {"requests": 1, "per": "hour", "window": "calendar"},
    ]
    pricing = {"currency": "EUR", "interval": "year", "prices": [{"name": "base", "model": "flat", "amount": "9.00"}]}
    plan = products.plan(terms=Terms(quotas=quotas, pricing=pricing))
    assert plan.versions.get().quotas == [
        {"requests": 1, "per": "hour"},
        {"requests": 3, "per": "month", "window": "anchored"},
        {"requests": 9, "per": "period", "unit": "bytes"},
    ]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(approval="maybe"), "approval"),
        (Terms(rate={"requests": 0, "per_s": 1, "burst": 1}), "rate"),
        (Terms(rate={"requests": 1, "per_s": 1}), "rate"),
        (Terms(rate={"requests": 1, "per_s": 1, "burst": 0}), "rate"),
        (Terms(quotas=[{"requests": 1, "per": "week"}]), "quotas.0"),
        (Terms(quotas=[{"requests": True, "per": "day"}]), "quotas.0"),
        (Terms(quotas=[{"requests": 1, "per": "day"}, {"requests": 2, "per": "day"}]), "quotas.1"),
        (Terms(quotas=[{"requests": 1, "per": "hour", "window": "anchored"}]), "quotas.0"),
        (Terms(quotas=[{"requests": 1, "per": "day", "window": "lunar"}]), "quotas.0"),
        (Terms(quotas=[{"requests": 1, "per": "period", "window": "calendar"}]), "quotas.0"),
        (
            Terms(quotas=[{"requests": 1, "per": "day"}, {"requests": 2, "per": "month", "window": "anchored"}]),
            "quotas",
        ),
        (
            Terms(quotas=[{"requests": 1, "per": "month", "window": "anchored"}, {"requests": 2, "per": "period"}]),
            "quotas",
        ),
        (Terms(timezone="Mars/Olympus"), "timezone"),
        (Terms(timezone="../../etc/passwd"), "timezone"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: Terms, field: str) -> None:
    with pytest.raises(Problems) as caught:
        products.plan(terms=terms)
    assert [error.field for error in caught.value.errors] == [field]
    assert not Plan.objects.exists()


@pytest.mark.parametrize(
    ("ceiling", "terms", "part"),
    [
        ({"max_rate_per_s": 5}, Terms(rate=TEN), "5 requests a second"),
        ({"max_rate_per_s": 5}, Terms(), "without a rate"),
        ({"max_rate_per_s": 5}, Terms(rate={"requests": 301, "per_s": 60, "burst": 1}), "301 requests each 60 s"),
        ({"max_per_hour": 9}, Terms(quotas=[{"requests": 10, "per": "hour"}]), "9 per hour"),
        ({"max_per_day": 99}, Terms(quotas=[{"requests": 100, "per": "day"}]), "99 per day"),
        ({"max_per_month": 999}, Terms(quotas=[{"requests": 1000, "per": "month"}]), "999 per month"),
        ({"max_per_month": 999}, Terms(quotas=[{"requests": 1, "per": "day"}]), "999 per month"),
    ],
)
def test_a_plan_above_a_ceiling_is_refused_with_the_number(
    *, ceiling: dict[str, int], terms: Terms, part: str, environment: Environment, by: Actor
) -> None:
    services.set_ceiling(environment=environment, by=by, **ceiling)
    with pytest.raises(Problems, match=part) as caught:
        products.plan(terms=terms)
    assert caught.value.errors[0].code == "products.above_ceiling"


def test_the_organizations_ceiling_wins_and_says_so(acme: Organization, environment: Environment, by: Actor) -> None:
    services.set_ceiling(environment=environment, by=by, max_rate_per_s=5, default_per_month=100)
    services.set_ceiling(organization=acme, by=by, max_rate_per_s=50)
    effective = services.effective_ceiling(organization=acme, environment=environment)
    assert effective["max_rate_per_s"] == (50, "organization")
    assert effective["default_per_month"] == (100, "environment")
    assert effective["max_per_day"] == (None, "none")
    assert products.plan(organization=acme, terms=Terms(rate=TEN)).versions.get().quotas == [
        {"requests": 100, "per": "month"}
    ]
    services.set_ceiling(organization=acme, by=by, max_rate_per_s=None)
    assert services.effective_ceiling(organization=acme, environment=environment)["max_rate_per_s"] == (
        5,
        "environment",
    )
    assert AuditEvent.objects.filter(action="ceiling.set").count() == 3


def test_defaults_fill_what_a_plan_leaves_open(environment: Environment, by: Actor) -> None:
    services.set_ceiling(environment=environment, by=by, default_rate_per_s=3, max_rate_per_s=5)
    assert products.plan().versions.get().rate == {"requests": 3, "per_s": 1, "burst": 3}
    assert products.plan(terms=Terms(rate={"requests": 5, "per_s": 1, "burst": 9})).versions.get().rate["requests"] == 5


def test_a_ceiling_is_of_one_scope_and_makes_sense(acme: Organization, environment: Environment, by: Actor) -> None:
    with pytest.raises(Invalid):
        services.set_ceiling(by=by, max_rate_per_s=1)
    with pytest.raises(Invalid):
        services.set_ceiling(by=by, environment=environment, organization=acme, max_rate_per_s=1)
    with pytest.raises(Invalid) as caught:
        services.set_ceiling(by=by, environment=environment, default_rate_per_s=9, max_rate_per_s=5)
    assert caught.value.field == "default_rate_per_s"


def test_an_archived_plan_stays_as_it_is(by: Actor) -> None:
    plan = services.archive_plan(plan=products.plan(), by=by)
    with pytest.raises(Conflict):
        services.add_plan_version(plan=plan, terms=Terms(rate=TEN), by=by)
    services.restore_plan(plan=plan, by=by)
    assert services.add_plan_version(plan=plan, terms=Terms(rate=TEN), by=by).number == 2


def test_who_saves_from_an_old_copy_does_not_undo_what_came_between(by: Actor) -> None:
    plan, product = products.plan(), products.product()
    services.archive_plan(plan=Plan.objects.get(pk=plan.pk), by=by)
    services.archive_product(product=Product.objects.get(pk=product.pk), by=by)
    with pytest.raises(Conflict):
        services.add_plan_version(plan=plan, terms=Terms(rate=TEN), by=by)
    changes = {"description": "new words"}
    assert services.update_plan(plan=plan, changes=changes, by=by).archived_at
    assert services.update_product(product=product, changes=changes, by=by).archived_at
    assert services.archive_product(product=product, by=by).archived_at
    assert AuditEvent.objects.filter(action="product.archive").count() == 1


def test_archiving_a_product_changes_nothing_for_gateways(by: Actor) -> None:
    product = products.product()
    before = wanted_revision()
    services.restore_product(product=services.archive_product(product=product, by=by), by=by)
    assert wanted_revision() == before


def test_a_product_opens_operations_and_offers_plans_in_order(by: Actor) -> None:
    version = catalog.published()
    first, second = (products.plan(organization=version.api.organization) for _ in range(2))
    before = wanted_revision()
    product = products.product(version=version, operations=["GET /accounts*"], plans=[second, first])
    assert wanted_revision() == before + 1
    assert [offer.plan for offer in ProductPlan.objects.filter(product=product)] == [second, first]
    services.update_product(product=product, changes={"plans": [first], "display_name": "New"}, by=by)
    assert wanted_revision() == before + 1
    services.update_product(product=product, changes={"items": [(version, [])]}, by=by)
    assert wanted_revision() == before + 2
    assert AuditEvent.objects.filter(action="product.update").count() == 2


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("GET /acounts", "GET /accounts"),
        ("POST /accounts", "GET /accounts"),
        ("/accounts", ""),
        ("FETCH /a", ""),
        ("GET a", ""),
    ],
)
def test_a_pattern_that_names_nothing_is_refused(pattern: str, hint: str) -> None:
    with pytest.raises(Problems) as caught:
        products.product(operations=[pattern])
    assert hint in caught.value.errors[0].hint
    assert not Product.objects.exists()


def test_a_pattern_that_a_new_import_emptied_may_stay(by: Actor) -> None:
    version = catalog.published()
    product = products.product(version=version, operations=["GET /accounts/{id}"])
    catalog.services.save_revision(version=version, by=by, operations=[{"method": "GET", "path": "/accounts"}])
    services.update_product(
        product=product, changes={"items": [(version, ["GET /accounts/{id}", "GET /accounts"])]}, by=by
    )
    assert product.items.get().operations == ["GET /accounts/{id}", "GET /accounts"]


def test_what_belongs_to_others_is_not_bundled(acme: Organization, by: Actor) -> None:
    shared = products.plan(organization=accounts.organization(is_default=True))
    own = catalog.published(of=catalog.api(organization=acme))
    options: dict[str, Any] = {"organization": acme, "by": by}
    services.create_product(name="shared-plan", items=[(own, [])], plans=[shared], **options)
    with pytest.raises(Problems) as caught:
        services.create_product(name="foreign-version", items=[(catalog.published(), [])], plans=[], **options)
    assert caught.value.errors[0].field == "items.0.version"
    with pytest.raises(Problems) as caught:
        services.create_product(name="foreign-plan", items=[(own, [])], plans=[products.plan()], **options)
    assert caught.value.errors[0].field == "plans.0"
    with pytest.raises(Problems):
        services.create_product(name="empty", items=[], plans=[], **options)


def test_who_sees_and_edits_plans(acme: Organization, owner: User, developer: User, admin: User) -> None:
    own = products.plan(organization=acme)
    shared = products.plan(organization=accounts.organization(is_default=True))
    hidden = products.plan()
    offered = products.product(version=catalog.published()).plans.get()
    assert set(Plan.objects.visible_to(owner)) == {own, shared, offered}
    assert set(Plan.objects.visible_to(developer)) == {offered}
    assert set(Plan.objects.visible_to(admin)) == {own, shared, hidden, offered}
    assert set(Plan.objects.editable_by(owner)) == set()
    Organization.objects.filter(pk=acme.pk).update(owners_edit_plans=True)
    assert set(Plan.objects.editable_by(owner)) == {own}
    assert set(Plan.objects.editable_by(developer)) == set()
