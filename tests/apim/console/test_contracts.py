"""The lint page, two revisions side by side, and the gate that names whom a publication breaks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.usage.models import UsageRollup
from tests.conftest import LogIn
from tests.factories import access, catalog
from tests.factories.accounts import TESTER

OPERATION = "get: {responses: {'200': {description: ok}}}"
TWO = catalog.openapi(f"  /accounts:\n    {OPERATION}\n  /cards:\n    {OPERATION}")
ONE = catalog.openapi(f"  /cards:\n    {OPERATION}")


@pytest.fixture
def bank(owner: User) -> APIVersion:
    """A published version with two operations."""
    version = services.create_version(
        api=catalog.api(organization=owner.organizations.get(), name="bank"), name="v1", by=TESTER
    )
    services.save_revision(version=version, by=TESTER, document=TWO, upstream=catalog.UPSTREAM)
    services.publish_version(version=version, by=TESTER)
    return version


def call(
    version: APIVersion, operation: str, *, calls: int = 7, is_known: bool = True, status: int = 200, code: str = ""
) -> None:
    """An application named as in the factory, or nobody knows who, calls an operation today."""
    application_id = access.application(name="shop").id if is_known else ""
    UsageRollup.objects.create(
        period="day",
        at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0),
        environment_id="env_1",
        version_id=version.id,
        operation=operation,
        application_id=application_id,
        status=status,
        code=code,
        calls=calls,
    )


def test_findings_are_shown_by_rule_with_their_lines(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    response = log_in(owner).get("/console/apis/bank/versions/v1/lint")

    assert response.context["report"].counts["warning"] > 0
    text = response.content.decode()
    assert "Each operation has a short summary." in text
    assert "<code>get: {responses:" in text
    assert " of 100" in text


def test_a_severity_and_a_rule_narrow_the_findings(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    hints = client.get("/console/apis/bank/versions/v1/lint?severity=hint").context["groups"]
    assert {group.rule.severity for group in hints} == {"hint"}
    one = client.get("/console/apis/bank/versions/v1/lint?rule=operation-summary").context["groups"]
    assert [group.rule.id for group in one] == ["operation-summary"]


def test_a_version_without_a_document_is_told_what_to_do(log_in: LogIn, owner: User) -> None:
    catalog.published(of=catalog.api(organization=owner.organizations.get(), name="bank"))
    assert b"No document to judge" in log_in(owner).get("/console/apis/bank/versions/v1/lint").content


def test_the_review_of_an_import_shows_the_score_and_the_first_findings(
    log_in: LogIn, owner: User, bank: APIVersion
) -> None:
    text = log_in(owner).get("/console/apis/bank/versions/v1/review").content.decode()
    assert "Lint score" in text
    assert "What could be better" in text


def test_two_revisions_are_compared_and_narrowed_to_what_breaks(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, document=ONE.replace("Bank", "Bench"))
    client = log_in(owner)
    every = client.get("/console/apis/bank/compare?from=v1:1&to=v1:2")
    assert every.context["comparison"].counts == {"breaking": 1, "safe": 0, "text": 1}
    narrowed = client.get("/console/apis/bank/compare?from=v1:1&to=v1:2&only=breaking")
    assert [change.kind for change in narrowed.context["changes"]] == ["operation-removed"]
    assert client.get("/console/apis/bank/compare").context["pair"][1].number == 2


def test_two_versions_are_compared_even_without_documents(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    catalog.draft(of=bank.api, name="v2")
    compared = log_in(owner).get("/console/apis/bank/compare?from=v1:1&to=v2:1").context["comparison"]
    assert {(change.kind, change.operations) for change in compared.changes} == {
        ("operation-removed", ("GET /cards",)),
        ("operation-added", ("GET /accounts/{id}",)),
    }


@pytest.mark.parametrize("query", ["?from=v1:9&to=v1:1", "?from=x&to=y", "?from=v1:1&to=:", "?from=v9:1"])
def test_a_revision_that_does_not_exist_is_said(log_in: LogIn, owner: User, bank: APIVersion, query: str) -> None:
    services.save_revision(version=bank, by=TESTER, document=ONE)
    assert b"No such revision" in log_in(owner).get(f"/console/apis/bank/compare{query}").content


def test_what_breaks_somebody_who_calls_names_them_and_has_to_be_typed(
    log_in: LogIn, owner: User, bank: APIVersion
) -> None:
    call(bank, "GET /accounts")
    services.save_revision(version=bank, by=TESTER, document=ONE)
    client, url = log_in(owner), "/console/apis/bank/versions/v1/publish"

    asked = client.get(url)
    assert [(one.application.name, one.operations, one.calls) for one in asked.context["callers"]] == [
        ("shop", ("GET /accounts",), 7)
    ]
    assert b"Type bank v1 to break them" in asked.content

    for incomplete in ({"typed": "bank", "reason": "x"}, {"typed": "bank v1"}):
        assert client.post(url, incomplete).status_code == 422
    assert bank.deployments.get().revision.number == 1

    assert client.post(url, {"typed": "bank v1", "reason": "The shop agreed"}).status_code == 302
    assert bank.deployments.get().revision.number == 2
    waived = AuditEvent.objects.get(action="revision.waive")
    assert (waived.reason, waived.after["applications"][0]["application"]) == ("The shop agreed", "shop")


def test_going_to_a_revision_that_never_ran_passes_the_same_gate(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    call(bank, "GET /accounts")
    services.save_revision(version=bank, by=TESTER, document=ONE)
    client, url = log_in(owner), "/console/apis/bank/versions/v1/rollback/2"
    assert b"breaks 1 application that calls it" in client.get(url).content
    assert client.post(url).status_code == 422
    assert client.post(url, {"typed": "bank v1", "reason": "The shop agreed"}).status_code == 302
    assert bank.deployments.get().revision.number == 2


def test_what_breaks_nobody_who_calls_is_shown_and_not_typed(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    call(bank, "GET /cards")
    services.save_revision(version=bank, by=TESTER, document=ONE)
    client, url = log_in(owner), "/console/apis/bank/versions/v1/publish"

    assert b"Nobody has called what breaks" in client.get(url).content
    assert client.post(url).status_code == 302
    assert bank.deployments.get().revision.number == 2


def test_calls_without_a_known_key_bar_a_publication_and_are_told_apart(
    log_in: LogIn, owner: User, bank: APIVersion
) -> None:
    call(bank, "GET /accounts", calls=1200, is_known=False)
    services.save_revision(version=bank, by=TESTER, document=ONE)
    client, url = log_in(owner), "/console/apis/bank/versions/v1/publish"
    page = client.get(url).content.decode()
    assert "1,200 calls without a known key used what breaks" in page
    assert "Nobody has called" not in page
    assert "Type bank v1 to break them" in page
    assert client.post(url).status_code == 422
    assert client.post(url, {"typed": "bank v1", "reason": "A sample nobody needs"}).status_code == 302
    assert AuditEvent.objects.get(action="revision.waive").after["anonymous"]["calls"] == 1200


def test_who_was_turned_away_without_a_key_is_no_caller(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    call(bank, "GET /accounts", is_known=False, status=401, code="credential-missing")
    services.save_revision(version=bank, by=TESTER, document=ONE)
    page = log_in(owner).get("/console/apis/bank/versions/v1/publish").content
    assert b"Nobody has called what breaks" in page


def test_the_gate_asks_as_often_for_many_callers_as_for_one(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, document=ONE)
    client, url = log_in(owner), "/console/apis/bank/versions/v1/publish"
    call(bank, "GET /accounts")
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for _ in range(4):
        call(bank, "GET /accounts")
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(url).context["callers"]) == 5
    assert len(many) == len(one)
