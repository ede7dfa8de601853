"""Composites in documents: everything goes in, comes out, and is told wrong on its line."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.catalog.models import Revision
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
      lifecycle: { state: published }
      operations: [{ method: POST, path: /transfers }]
      upstream: { targets: [{ url: "http://127.0.0.1:1" }] }
      composites:
        POST /transfers:
          timeout: 8s
          steps:
            - name: withdraw
              call: POST /w
              body: { amount: "{request.body.amount}", fee: 0.5 }
              compensate: { call: POST /reversals, attempts: 5 }
            - name: deposit
              call: POST /d
              after: [withdraw]
          answer: { status: 201, body: "{steps.deposit.body}" }
"""

pytestmark = pytest.mark.usefixtures("environment", "acme")


def errors_of(text: str, admin: User, by: Actor) -> tuple[DomainError, ...]:
    with pytest.raises(DomainError) as caught:
        apply_documents(text=text, files={}, user=admin, by=by)
    return caught.value.errors if isinstance(caught.value, Problems) else (caught.value,)


def test_composites_go_in_and_come_out_unchanged(admin: User, by: Actor):
    apply_documents(text=DOCUMENT, files={}, user=admin, by=by)
    exported = export_documents(kind="API", name="bank", user=admin)
    assert "attempts: 5" in exported
    again = apply_documents(text=exported, files={}, user=admin, by=by)
    assert [change.action for change in again.changes] == ["unchanged"]
    assert Revision.objects.count() == 1


def test_composites_stay_when_a_document_does_not_name_them_and_go_when_it_says_so(admin: User, by: Actor):
    apply_documents(text=DOCUMENT, files={}, user=admin, by=by)
    head = DOCUMENT.partition("      composites:")[0]
    apply_documents(text=head.replace("127.0.0.1:1", "127.0.0.1:2"), files={}, user=admin, by=by)
    assert Revision.objects.order_by("-number")[0].composites
    apply_documents(text=head + "      composites: {}\n", files={}, user=admin, by=by)
    assert Revision.objects.order_by("-number")[0].composites == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "hint"),
    [
        ("timeout: 8s", "timout: 8s", 13, "POST ~1transfers/timout", '"timeout"'),
        ("after: [withdraw]", "after: [withdrew]", 21, "steps/1/after", '"withdraw"'),
        ("call: POST /d", "call: POST /d?a=b", 20, "steps/1/call", "query"),
        ("{request.body.amount}", "{request.bdy.amount}", 17, "steps/0/body", ""),
        ("        POST /transfers:", "        POST /transfer:", 12, "POST ~1transfer", '"POST /transfers"'),
    ],
)
def test_a_fault_has_its_line_pointer_and_way_out(
    admin: User, by: Actor, old: str, new: str, line: int, place: str, hint: str
):
    found = errors_of(DOCUMENT.replace(old, new), admin, by)
    assert any(f"line {line}" in error.message and place in error.field and hint in error.hint for error in found), [
        (error.message, error.field, error.hint) for error in found
    ]


def test_an_operation_with_a_composite_cannot_just_go(admin: User, by: Actor):
    apply_documents(text=DOCUMENT, files={}, user=admin, by=by)
    head = DOCUMENT.partition("      composites:")[0]
    (error,) = errors_of(head.replace("/transfers", "/payments"), admin, by)
    assert "has no operation `POST /transfers`" in error.message
