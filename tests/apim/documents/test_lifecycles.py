"""The state of versions in documents: what applying them puts in force, and what it only keeps."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.catalog.models import Deployment
from apim.documents.services import apply_documents

pytestmark = pytest.mark.usefixtures("environment", "acme")
DOCUMENT = """\
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank }
spec:
  organization: acme
  versions:
    - name: v1
      operations: [{ method: GET, path: /accounts }]
      upstream: { targets: [{ url: "http://127.0.0.1:1" }] }
      lifecycle: { state: published }
"""
WITHOUT = DOCUMENT.replace("      lifecycle: { state: published }\n", "")


def test_what_is_saved_beside_a_published_version_and_not_in_force_is_said(admin: User, by: Actor) -> None:
    assert apply_documents(text=WITHOUT, files={}, user=admin, by=by).warnings == ()  # a draft stays one
    assert apply_documents(text=DOCUMENT, files={}, user=admin, by=by).warnings == ()
    changed = WITHOUT.replace("127.0.0.1:1", "127.0.0.1:2")
    for is_dry_run in (True, False):
        applied = apply_documents(text=changed, files={}, user=admin, by=by, is_dry_run=is_dry_run)
        (warning,) = applied.warnings
        assert "revision 2 is saved and not in force. Give `lifecycle: { state: published }`" in warning
    assert Deployment.objects.get().revision.number == 1
    published = DOCUMENT.replace("127.0.0.1:1", "127.0.0.1:2")
    assert apply_documents(text=published, files={}, user=admin, by=by).warnings == ()
    assert Deployment.objects.get().revision.number == 2
