"""Promotion: what differs, what cannot go, one transaction, and the way back (R14)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization
from apim.audit.models import AuditEvent
from apim.catalog.issuers import save_issuer
from apim.catalog.models import Deployment, Revision
from apim.catalog.services import block_version, create_version, save_revision
from apim.errors import Conflict, DomainError, Invalid, NotFound
from apim.gateways.certificates import save_certificate
from apim.gateways.environments import create_environment
from apim.gateways.hosts import save_host
from apim.gateways.models import Environment, Host, Issuer
from apim.gateways.services import update_environment
from apim.platform.models import Promotion
from apim.platform.promotion import plan_promotion, promote, undo_promotion
from apim.products.models import Ceiling, PlanVersion
from apim.products.services import set_ceiling
from apim.releases import release_version
from apim.usage.models import UsageRollup
from tests.factories import access as access_factory
from tests.factories import catalog as catalog_factory
from tests.factories import certificates as certificates_factory
from tests.factories import gateways as gateways_factory
from tests.factories import products as products_factory
from tests.factories.accounts import TESTER, organization

WHY = "it was tried"


@pytest.fixture
def production(environment: Environment) -> Environment:
    """A second environment, empty."""
    assert environment.name == "default"
    return create_environment(name="production", display_name="Production", by=TESTER)


def test_a_fresh_environment_lacks_everything_and_has_it_after_a_promotion(
    environment: Environment, production: Environment
) -> None:
    version = gateways_factory.published_version("GET /accounts", name="bank")
    update_environment(
        environment=environment,
        changes={"policies": [{"client-limits": {"perAddress": 200}}], "address_rate_per_s": 70},
        by=TESTER,
    )
    set_ceiling(by=TESTER, environment=environment, max_rate_per_s=9)
    save_issuer(
        environment=environment,
        name="login",
        by=TESTER,
        changes={
            "issuer": "https://login.example.com",
            "is_for_all": False,
            "organizations": [organization(name="initech")],
        },
    )
    save_host(environment=environment, name="api.example.com", by=TESTER, changes={"api": "bank"})
    plan = plan_promotion(environment, production)

    assert [kind for kind, _ in plan.groups] == ["version", "policy", "limits", "ceiling", "issuer", "host"]
    assert all(change.is_new or change.item.kind == "limits" for change in plan.changes)
    revision = production.revision
    promotion = promote(source=environment, target=production, by=TESTER, reason=WHY, digest=plan.digest)

    assert plan_promotion(environment, production).changes == ()
    assert Deployment.objects.get(environment=production).revision == version.revisions.get()
    production.refresh_from_db()
    assert production.policies == environment.policies
    assert production.address_rate_per_s == 70
    assert production.revision > revision
    assert Ceiling.objects.get(environment=production).max_rate_per_s == 9
    assert [each.name for each in Issuer.objects.get(environment=production).organizations.all()] == ["initech"]
    assert Host.objects.get(environment=production).api == "bank"
    event = AuditEvent.objects.get(action="environment.promote")
    assert event.reason == WHY
    assert event.after is not None
    assert (event.after["from"], len(event.after["items"])) == ("default", len(promotion.items))


def test_what_only_the_target_has_stays(environment: Environment, production: Environment) -> None:
    save_host(environment=production, name="own.example.com", by=TESTER, changes={})
    assert plan_promotion(environment, production).kept == ("host:own.example.com",)


def test_only_what_is_chosen_goes(environment: Environment, production: Environment) -> None:
    gateways_factory.published_version(name="bank")
    gateways_factory.published_version(name="trading")
    promote(source=environment, target=production, by=TESTER, reason=WHY, items=["version:bank/v1"])
    assert [change.id for change in plan_promotion(environment, production).changes] == ["version:trading/v1"]


def test_a_promotion_taken_back_gives_the_target_what_it_had(environment: Environment, production: Environment) -> None:
    version = gateways_factory.published_version(name="bank")
    promote(source=environment, target=production, by=TESTER, reason=WHY)
    gateways_factory.changed_version(version, "GET /accounts", "GET /cards")
    update_environment(
        environment=environment, changes={"policies": [{"client-limits": {"perAddress": 200}}]}, by=TESTER
    )
    second = promote(source=environment, target=production, by=TESTER, reason=WHY)
    assert Deployment.objects.get(environment=production).revision.number == 2

    undo_promotion(promotion=second, by=TESTER, reason="it was wrong")

    assert Deployment.objects.get(environment=production).revision.number == 1
    production.refresh_from_db()
    assert production.policies == []
    with pytest.raises(Conflict, match="taken back already"):
        undo_promotion(promotion=second, by=TESTER, reason="again")
    undo_promotion(promotion=Promotion.objects.order_by("id")[0], by=TESTER, reason="all of it")
    assert not Deployment.objects.filter(environment=production).exists()


def test_what_somebody_changed_since_is_not_taken_back(environment: Environment, production: Environment) -> None:
    save_host(environment=environment, name="api.example.com", by=TESTER, changes={})
    promotion = promote(source=environment, target=production, by=TESTER, reason=WHY)
    save_host(environment=production, name="api.example.com", by=TESTER, changes={"is_redirected_to_https": True})
    with pytest.raises(Conflict, match="has changed since"):
        undo_promotion(promotion=promotion, by=TESTER, reason="it was wrong")


def test_what_cannot_go_is_refused_with_words_and_nothing_else_went(
    environment: Environment, production: Environment
) -> None:
    version = gateways_factory.published_version(name="bank")
    gateways_factory.published_version(name="trading")
    block_version(version=version, by=TESTER, reason="leak")
    chain, key = certificates_factory.self_signed("api.example.com")
    save_certificate(environment=environment, name="site", chain=chain, key=key, by=TESTER)
    refusals = {change.id: change.refusal for change in plan_promotion(environment, production).changes}

    assert refusals["version:bank/v1"] == "The version is blocked."
    assert "Private keys" in refusals["certificate:site"]
    with pytest.raises(DomainError, match="The version is blocked"):
        promote(
            source=environment, target=production, by=TESTER, reason=WHY,
            items=["version:trading/v1", "version:bank/v1"],
        )  # fmt: skip
    assert not Deployment.objects.filter(environment=production).exists()
    promote(source=environment, target=production, by=TESTER, reason=WHY)
    assert [row.version.api.name for row in Deployment.objects.filter(environment=production)] == ["trading"]


def test_a_client_certificate_that_is_missing_there_is_named(environment: Environment, production: Environment) -> None:
    version = gateways_factory.published_version(name="bank")
    revision = version.revisions.get()
    Revision.objects.filter(pk=revision.pk).update(
        upstream={**revision.upstream, "tls": {"clientCertificate": "to-bank"}}
    )
    [change] = plan_promotion(environment, production).changes
    assert "client certificate to-bank" in change.refusal


def test_a_plan_without_terms_in_force_is_named(environment: Environment, production: Environment) -> None:
    version = gateways_factory.published_version(name="bank")
    plan = products_factory.plan(organization=version.api.organization, name="gold")
    products_factory.product(version=version, plans=[plan])
    assert [change.refusal for change in plan_promotion(environment, production).changes] == [""]
    PlanVersion.objects.update(state=PlanVersion.State.ARCHIVED)
    [change] = plan_promotion(environment, production).changes
    assert "Plan gold of" in change.refusal


def test_a_revision_that_breaks_who_calls_goes_only_with_a_reason(
    environment: Environment, production: Environment, acme: Organization
) -> None:
    one, two = "get: {responses: {'200': {description: ok}}}", catalog_factory.openapi
    both = two(f"  /accounts:\n    {one}\n  /cards:\n    {one}")
    version = create_version(api=catalog_factory.api(organization=acme, name="bank"), name="v1", by=TESTER)
    save_revision(version=version, by=TESTER, document=both, upstream=catalog_factory.UPSTREAM)
    release_version(version=version, by=TESTER)
    promote(source=environment, target=production, by=TESTER, reason=WHY)
    UsageRollup.objects.create(
        period="day", at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0), calls=7, status=200,
        environment_id=production.id, version_id=version.id, operation="GET /accounts",
        application_id=access_factory.application(name="shop").id,
    )  # fmt: skip
    save_revision(version=version, by=TESTER, document=two(f"  /cards:\n    {one}"))
    release_version(version=version, by=TESTER, waiver="agreed")
    with pytest.raises(Conflict, match="breaks 1 application that calls it"):
        promote(source=environment, target=production, by=TESTER, reason=WHY)
    assert Deployment.objects.get(environment=production).revision.number == 1
    promote(source=environment, target=production, by=TESTER, reason=WHY, waiver="The shop agreed")
    assert Deployment.objects.get(environment=production).revision.number == 2


def test_a_plan_that_is_outdated_and_an_unknown_item_are_refused(
    environment: Environment, production: Environment
) -> None:
    gateways_factory.published_version(name="bank")
    with pytest.raises(Conflict, match="has changed since you looked"):
        promote(source=environment, target=production, by=TESTER, reason=WHY, digest="another")
    with pytest.raises(NotFound, match="host:x is no change"):
        promote(source=environment, target=production, by=TESTER, reason=WHY, items=["host:x"])
    with pytest.raises(Invalid, match="Nothing is chosen"):
        promote(source=environment, target=production, by=TESTER, reason=WHY, items=[])
    with pytest.raises(Invalid, match="Say why"):
        promote(source=environment, target=production, by=TESTER, reason=" ")
    with pytest.raises(Invalid, match="not promoted to itself"):
        promote(source=environment, target=environment, by=TESTER, reason=WHY)


def test_a_service_that_refuses_one_item_leaves_nothing_behind(
    environment: Environment, production: Environment
) -> None:
    for place, issuer in ((environment, "https://a.example.com"), (production, "https://b.example.com")):
        save_issuer(environment=place, name="login", by=TESTER, changes={"issuer": issuer})
    save_issuer(environment=production, name="other", by=TESTER, changes={"issuer": "https://a.example.com"})
    gateways_factory.published_version(name="bank")
    with pytest.raises(DomainError):
        promote(source=environment, target=production, by=TESTER, reason=WHY)
    assert not Deployment.objects.filter(environment=production).exists()
    assert not Promotion.objects.exists()


def test_a_plan_costs_the_same_queries_for_few_and_many(environment: Environment, production: Environment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            plan_promotion(environment, production)
        return len(captured)

    gateways_factory.published_version()
    few = queries()
    for _ in range(4):
        gateways_factory.published_version()
    assert queries() == few
