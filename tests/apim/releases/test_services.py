"""The gate: what breaks applications that really call is refused with names, or waived with a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog import judging, services
from apim.catalog.models import APIVersion
from apim.documents.services import apply_documents
from apim.errors import Conflict
from apim.openapi.differing import Comparison
from apim.releases import release_version, roll_back_version
from apim.usage.models import UsageRollup
from tests.factories import access, catalog
from tests.factories.accounts import TESTER

OPERATION = "get: {responses: {'200': {description: ok}}}"
TWO = catalog.openapi(f"  /accounts:\n    {OPERATION}\n  /cards:\n    {OPERATION}")
ONE = catalog.openapi(f"  /cards:\n    {OPERATION}")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("environment")]


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    """Revision 1 runs and is called; revision 2 takes away what is called."""
    version = services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    services.save_revision(version=version, by=TESTER, document=TWO, upstream=catalog.UPSTREAM)
    release_version(version=version, by=TESTER)
    call(version)
    services.save_revision(version=version, by=TESTER, document=ONE)
    return version


def call(version: APIVersion) -> None:
    UsageRollup.objects.create(
        period="day",
        at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0),
        environment_id="env_1",
        version_id=version.id,
        operation="GET /accounts",
        application_id=access.application(name="shop").id,
        status=200,
        calls=7,
    )


def test_what_breaks_who_calls_is_refused_with_names(bank: APIVersion) -> None:
    with pytest.raises(Conflict, match="breaks 1 application that calls it") as refused:
        release_version(version=bank, by=TESTER)
    assert refused.value.code == "releases.breaks_callers"
    assert [one["message"] for one in refused.value.evidence["changes"]] == ["GET /accounts is removed."]
    assert [one["application"] for one in refused.value.evidence["applications"]] == ["shop"]
    assert bank.deployments.get().revision.number == 1


def test_a_waiver_lets_it_through_and_stands_in_the_audit_log(bank: APIVersion) -> None:
    release_version(version=bank, by=TESTER, waiver="The shop agreed")
    assert bank.deployments.get().revision.number == 2
    event = AuditEvent.objects.get(action="revision.waive")
    assert (event.reason, event.organization_id) == ("The shop agreed", bank.api.organization_id)
    assert event.after["applications"][0]["calls"] == 7


def test_a_waiver_that_nothing_needs_is_not_recorded(bank: APIVersion) -> None:
    UsageRollup.objects.all().delete()
    release_version(version=bank, by=TESTER, waiver="Just in case")
    assert bank.deployments.get().revision.number == 2
    assert not AuditEvent.objects.filter(action="revision.waive").exists()


def test_what_ran_may_run_again_and_what_never_ran_may_not(bank: APIVersion) -> None:
    with pytest.raises(Conflict, match="breaks 1 application"):
        roll_back_version(version=bank, by=TESTER, to_number=2)
    release_version(version=bank, by=TESTER, waiver="The shop agreed")
    roll_back_version(version=bank, by=TESTER)
    assert roll_back_version(version=bank, by=TESTER, to_number=2).revision.number == 2


@pytest.mark.parametrize("act", ["publish", "roll back", "apply"])
def test_documents_are_compared_outside_of_a_transaction(
    bank: APIVersion, admin: User, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, seen = judging._by_documents, []
    around = len(connection.savepoint_ids)  # the test itself runs in a transaction

    def watched(*pair: object) -> Comparison:
        seen.append(len(connection.savepoint_ids) - around)
        return compare(*pair)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "_by_documents", watched)
    acts: dict[str, Callable[[], object]] = {
        "publish": lambda: release_version(version=bank, by=TESTER, waiver="Agreed"),
        "roll back": lambda: roll_back_version(version=bank, by=TESTER, to_number=2, waiver="Agreed"),
        "apply": lambda: apply_documents(
            text=MANIFEST, files={"one.yaml": ONE}, user=admin, by=TESTER, waiver="Agreed"
        ),
    }
    acts[act]()
    assert seen == [0]
    assert bank.deployments.get().revision.number == 2


FILES = {"one.yaml": ONE}
MANIFEST = """apiVersion: apim.dev/v1
kind: API
metadata: {name: bank}
spec:
  organization: acme
  versions:
    - name: v1
      spec: {$file: one.yaml}
      lifecycle: {state: published}
"""
