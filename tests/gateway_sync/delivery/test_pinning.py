"""A whole environment goes back, stays there, and is released. Promises R4."""

from __future__ import annotations

import pytest

from apim.catalog import services as catalog
from apim.errors import Conflict, Invalid
from apim.gateways.hosts import save_host
from apim.gateways.models import Environment
from gateway_sync.delivery import reports, services
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.pinning import plan_release, plan_rollback, release, roll_back
from gateway_sync.snapshot import decode
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


def served(environment: Environment) -> list[str]:
    publication = reports.latest_publication(environment)
    assert publication is not None
    fragments = publication.manifest["fragments"]
    bodies = {name: Fragment.objects.get(digest=wanted).body for name, wanted in fragments.items()}
    return [route.id for api in decode(bodies).apis for version in api.versions for route in version.routes]


def test_a_rollback_is_a_higher_revision_that_lasts_until_it_is_released(environment: Environment) -> None:
    version = factory.published_version("GET /old", name="bank")
    services.publish(environment.id)
    factory.changed_version(version, "GET /new")
    services.publish(environment.id)
    newer, older = reports.history(environment)
    plan = plan_rollback(older)
    changes = {(change.subject, change.action) for change in plan.changes}
    assert {("bank v1 GET /old", "added"), ("bank v1 GET /new", "removed")} <= changes

    roll_back(publication=older, by=TESTER, reason="callers fail", seen=plan.seen)
    services.publish(environment.id)
    assert served(environment) == ["GET /old"]
    back = reports.latest_publication(environment)
    assert back is not None
    assert back.revision > newer.revision
    assert (back.digest, back.cause, back.made_by, back.reason) == (
        older.digest, Publication.Cause.ROLLBACK, TESTER.label, "callers fail",
    )  # fmt: skip

    factory.changed_version(version, "GET /newest")
    services.publish(environment.id)
    assert served(environment) == ["GET /old"], "what is saved meanwhile waits"
    assert "version.W006" in {problem.code for problem in reports.problems_of("version", version.id)}
    environment.refresh_from_db()
    assert not environment.is_waiting_to_publish

    coming = plan_release(environment)
    assert ("bank v1 GET /newest", "added") in {(change.subject, change.action) for change in coming.changes}
    release(environment=environment, by=TESTER, reason="mended", seen=coming.seen)
    services.publish(environment.id)
    assert served(environment) == ["GET /newest"]
    after = reports.latest_publication(environment)
    assert after is not None
    assert (after.cause, after.reason, after.problems) == (Publication.Cause.RELEASE, "mended", [])


def test_who_decides_on_another_state_than_they_saw_is_asked_again(environment: Environment) -> None:
    version = factory.published_version("GET /old")
    services.publish(environment.id)
    older = reports.latest_publication(environment)
    assert older is not None
    seen = plan_rollback(older).seen
    factory.changed_version(version, "GET /new")
    services.publish(environment.id)
    with pytest.raises(Conflict, match="while you looked"):
        roll_back(publication=older, by=TESTER, reason="why", seen=seen)
    with pytest.raises(Invalid):
        roll_back(publication=older, by=TESTER, reason=" ")
    with pytest.raises(Conflict, match="not held"):
        release(environment=environment, by=TESTER, reason="why")


def test_what_an_environment_is_held_at_is_kept_and_what_is_forgotten_is_refused(environment: Environment) -> None:
    version = factory.published_version("GET /old")
    services.publish(environment.id)
    factory.changed_version(version, "GET /new")
    services.publish(environment.id)
    _, older = reports.history(environment)
    roll_back(publication=older, by=TESTER, reason="why")
    Fragment.objects.update(created_at="2026-01-01T00:00:00Z")
    Publication.objects.all().delete()
    services.forget_publications()
    assert Fragment.objects.count() == len(older.manifest["fragments"])
    services.publish(environment.id)
    assert served(environment) == ["GET /old"]
    Fragment.objects.all().delete()
    last = reports.latest_publication(environment)
    assert last is not None
    with pytest.raises(Conflict, match="no longer kept"):
        plan_rollback(last)


def test_a_publication_tells_who_made_it_necessary(environment: Environment) -> None:
    factory.published_version("GET /a", name="bank")
    services.publish(environment.id)
    publication = reports.latest_publication(environment)
    assert publication is not None
    assert (publication.cause, publication.made_by) == (Publication.Cause.CHANGE, TESTER.label)
    assert "revision.deploy" in publication.reason


def test_a_publication_tells_nothing_of_what_was_done_to_other_environments(environment: Environment) -> None:
    bank = factory.published_version("GET /a", name="bank")
    staging = Environment.objects.create(name="staging")
    services.publish(environment.id)
    catalog.publish_version(version=bank, by=TESTER, environment=staging)
    save_host(environment=staging, name="staging.example", by=TESTER, changes={})
    factory.changed_version(bank, "GET /b")
    services.publish(environment.id)
    publication = reports.latest_publication(environment)
    assert publication is not None
    assert publication.reason.count("revision.deploy") == 1
    assert "host.create" not in publication.reason
    services.publish(staging.id)
    other = reports.latest_publication(staging)
    assert other is not None
    assert "host.create" in other.reason
