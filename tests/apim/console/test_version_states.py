"""States of a version in forms: review, deprecation and back, an earlier revision."""

from __future__ import annotations

from datetime import UTC, datetime

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.services import create_version, publish_version, save_revision
from apim.gateways.models import Environment
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER


def test_deprecating_and_reinstating_a_version(log_in: LogIn, acme: Organization, owner: User) -> None:
    api = catalog.api(organization=acme, name="bank")
    version, successor = catalog.published(of=api), catalog.published(of=api, name="v2")
    client, url = log_in(owner), "/console/apis/bank/versions/v1"

    data = {"deprecated_at": "2026-01-01", "sunset_at": "2030-06-30", "successor": successor.pk}
    client.post(f"{url}/deprecate", data)
    version.refresh_from_db()
    assert (version.state, version.sunset_at, version.successor) == (
        "deprecated", datetime(2030, 6, 30, tzinfo=UTC), successor,
    )  # fmt: skip
    client.post(f"{url}/reinstate")
    version.refresh_from_db()
    assert version.state == "published"


def test_a_draft_goes_to_review_and_back_with_what_is_missing(
    log_in: LogIn, acme: Organization, owner: User, by: Actor
) -> None:
    api = catalog.api(organization=acme, name="bank")
    version = create_version(api=api, name="v1", by=by)
    client, url = log_in(owner), "/console/apis/bank/versions/v1"

    client.post(f"{url}/submit")
    version.refresh_from_db()
    assert version.state == "review"
    assert f"{url}/return" in client.get(url).content.decode()
    client.post(f"{url}/return", {"reason": "No description of errors"})
    version.refresh_from_db()
    assert version.state == "draft"
    assert AuditEvent.objects.get(action="version.return").reason == "No description of errors"


def test_rolling_back_says_what_changes_and_runs_the_earlier_revision(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client, url = log_in(owner), "/console/apis/bank/versions/v1"
    client.post(f"{url}/policies", {"size-limit-is_on": "on", "size-limit-max": "1MiB"})
    client.post(f"{url}/publish")
    assert version.deployments.get().revision.number == 2

    assert b"Policies changed: Size of a request&#x27;s body." in client.get(f"{url}/rollback/1").content
    client.post(f"{url}/rollback/1")

    assert version.deployments.get().revision.number == 1


def test_what_runs_elsewhere_does_not_make_the_newest_revision_unpublished(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    staging = Environment.objects.create(name="staging")
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    publish_version(version=version, by=TESTER, environment=staging)
    save_revision(version=version, by=TESTER, policies=[{"size-limit": {"max": "1MiB"}}])
    client, path = log_in(owner), "/console/apis/bank/versions/v1"
    assert "Revision 2 is not published" in client.get(path).content.decode()
    publish_version(version=version, by=TESTER)
    shown = client.get(path).content.decode()
    assert "is not published" not in shown
    assert "Revision 1 in staging" in shown
