"""The documents that this project ships and promises: they apply as they stand, twice, and come back out."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from apim.access.models import Application, Subscription
from apim.accounts.models import Organization, User
from apim.accounts.services import create_organization
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.catalog.services import deprecate_version, retire_version
from apim.documents.services import Applied, apply_documents, export_documents
from apim.gateways.models import Environment
from apim.products.models import Plan, Product

EXAMPLE = Path(__file__).parents[3] / "examples" / "bank"
FIRST = (EXAMPLE / "first.yaml").read_text()
BANK = (EXAMPLE / "apim.yaml").read_text()


@pytest.fixture
def default(by: Actor) -> Organization:
    """The organization that set-up makes."""
    return create_organization(name="default", display_name="Default", by=by, is_default=True)


def apply(text: str, user: User, by: Actor, *, is_dry_run: bool = False) -> Applied:
    """What applying text beside the example's files does."""
    files = {f"./openapi/{path.name}": path.read_text() for path in (EXAMPLE / "openapi").iterdir()}
    return apply_documents(text=text, files=files, user=user, by=by, is_dry_run=is_dry_run)


@pytest.mark.usefixtures("db", "default")
def test_first_document_set_gives_a_live_subscription(admin: User, by: Actor) -> None:
    applied = apply(FIRST, admin, by)

    assert [change.action for change in applied.changes] == ["create"] * 6
    assert applied.warnings == ()
    deployment = Deployment.objects.get()
    assert deployment.version.state == APIVersion.State.PUBLISHED
    assert [one["path"] for one in deployment.revision.operations][:2] == ["/accounts", "/accounts/{id}"]
    assert deployment.revision.upstream == {
        "targets": [{"url": "http://127.0.0.1:9101", "weight": 100}],
        "timeout_s": 5,
    }
    assert deployment.revision.policies == [{"size-limit": {"max": "1MiB"}}]
    subscription = Subscription.objects.get()
    assert subscription.lifecycle == Subscription.Lifecycle.ACTIVE
    assert [one.name for one in subscription.applications.all()] == ["shop"]
    assert subscription.plan_version.rate == {"requests": 10, "per_s": 1, "burst": 10}
    assert API.objects.get().labels == {"team": "payments"}


@pytest.mark.usefixtures("db", "default")
@pytest.mark.parametrize("text", [FIRST, BANK], ids=["first", "bank"])
def test_applying_twice_changes_nothing(text: str, admin: User, by: Actor) -> None:
    apply(text, admin, by)
    before = (Environment.objects.get().revision, Environment.objects.get().access_seq, AuditEvent.objects.count())

    again = apply(text, admin, by)

    assert not again.has_changes
    assert before == (
        Environment.objects.get().revision,
        Environment.objects.get().access_seq,
        AuditEvent.objects.count(),
    )


@pytest.mark.usefixtures("db", "default")
def test_a_dry_run_tells_everything_and_does_nothing(admin: User, by: Actor) -> None:
    planned = apply(FIRST, admin, by, is_dry_run=True)

    assert [(change.action, change.name) for change in planned.changes] == [
        ("create", "acme"),
        ("create", "bank"),
        ("create", "starter"),
        ("create", "bank-payments"),
        ("create", "acme/shop"),
        ("create", "shop-bank"),
    ]
    assert not any(model.objects.exists() for model in (API, Plan, Product, Application, Revision))


@pytest.mark.usefixtures("db", "default")
@pytest.mark.parametrize("text", [FIRST, BANK], ids=["first", "bank"])
def test_what_is_exported_changes_nothing_here(text: str, admin: User, by: Actor) -> None:
    apply(text, admin, by)

    exported = export_documents(kind="all", name="", user=admin)
    applied = apply_documents(text=exported, files={}, user=admin, by=by)

    assert [change for change in applied.changes if change.action != "unchanged"] == []


@pytest.mark.usefixtures("db", "default")
def test_what_is_exported_makes_the_same_elsewhere(admin: User, by: Actor) -> None:
    apply(BANK, admin, by)
    exported = export_documents(kind="all", name="", user=admin)
    operations = {revision.version.api.name: revision.operations for revision in Revision.objects.all()}
    Subscription.objects.all().delete()
    Product.objects.all().delete()
    Plan.objects.all().delete()
    Deployment.objects.all().delete()
    API.objects.all().delete()
    Application.objects.all().delete()
    Organization.objects.exclude(is_default=True).delete()

    apply_documents(text=exported, files={}, user=admin, by=by)

    assert operations == {revision.version.api.name: revision.operations for revision in Revision.objects.all()}
    assert export_documents(kind="all", name="", user=admin) == exported


@pytest.mark.usefixtures("db", "default")
def test_an_export_with_a_deprecated_and_a_retired_version_changes_nothing_here(admin: User, by: Actor) -> None:
    apply(BANK, admin, by)
    bank, trading = APIVersion.objects.order_by("api__name")
    deprecate_version(version=trading, by=by, deprecated_at=timezone.now())
    deprecate_version(version=bank, by=by, deprecated_at=timezone.now())
    retire_version(version=bank, by=by)

    applied = apply(export_documents(kind="all", name="", user=admin), admin, by)

    assert {change.action for change in applied.changes} == {"unchanged"}
    assert APIVersion.objects.get(id=bank.id).state == APIVersion.State.RETIRED
