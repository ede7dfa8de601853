"""The upstream of a version in documents: everything goes in, comes out and is told wrong at its place."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.catalog.models import APIVersion, Revision
from apim.documents.services import apply_documents, export_documents
from apim.errors import DomainError, Problems

DOCUMENT = """\
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank }
spec:
  organization: acme
  versions:
    - name: v1
      operations: [{ method: GET, path: /accounts }]
      upstream:
        timeout: 5s
        targets:
          - { url: "http://127.0.0.1:1", weight: 90, arm: blue }
          - { url: "http://127.0.0.1:2", weight: 10, arm: green, priority: 1 }
        balancing: { algorithm: least-requests }
        healthCheck: { path: /health, interval: 5s }
        canary: { arms: [blue=95, green=5] }
        retries: { attempts: 2, statuses: ["503"] }
"""

pytestmark = pytest.mark.usefixtures("environment", "acme")


def test_groups_go_in_and_come_out_unchanged(admin: User, by: Actor, acme: Organization) -> None:
    apply_documents(text=DOCUMENT, files={}, user=admin, by=by)
    upstream = Revision.objects.get().upstream
    assert upstream["canary"] == {"arms": ["blue=95", "green=5"]}
    assert [target.get("priority", 0) for target in upstream["targets"]] == [0, 1]

    exported = export_documents(kind="API", name="bank", user=admin)
    again = apply_documents(text=exported, files={}, user=admin, by=by)
    assert [change.action for change in again.changes] == ["unchanged"]
    assert Revision.objects.count() == 1
    assert acme.name in exported


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("least-requests", "fastest", "upstream.balancing.algorithm"),
        ("arm: green", "arm: red", "upstream.targets.1.arm"),
        ("priority: 1", "priority: 12", "upstream.targets.1.priority"),
        ("blue=95, ", "", "upstream.targets.0.arm"),
        ("balancing:", "balance:", "upstream"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(admin: User, by: Actor, old: str, new: str, field: str) -> None:
    with pytest.raises(DomainError) as caught:
        apply_documents(text=DOCUMENT.replace(old, new), files={}, user=admin, by=by)
    errors = caught.value.errors if isinstance(caught.value, Problems) else (caught.value,)
    assert any(field in f"{error} {error.field}".replace("/", ".") for error in errors), errors


def test_the_service_of_a_sandbox_goes_in_and_out_and_is_taken_back(admin: User, by: Actor) -> None:
    services = ("{targets: [{url: 'https://test.example.com'}], timeout: 5s, headers: {X-Test: '1'}}", "{}")
    with_service, without = (f"{DOCUMENT}      sandbox: {service}\n" for service in services)
    apply_documents(text=with_service, files={}, user=admin, by=by)
    exported = export_documents(kind="API", name="bank", user=admin)
    again = apply_documents(text=exported, files={}, user=admin, by=by)
    assert [change.action for change in again.changes] == ["unchanged"]
    assert APIVersion.objects.get().sandbox_upstream["headers"] == {"X-Test": "1"}
    back = apply_documents(text=without, files={}, user=admin, by=by)
    assert [change.fields for change in back.changes] == [("versions.v1.sandbox",)]
    with pytest.raises(DomainError) as caught:
        apply_documents(text=with_service.replace("https://test", "ftp://test"), files={}, user=admin, by=by)
    assert "sandbox" in caught.value.field
