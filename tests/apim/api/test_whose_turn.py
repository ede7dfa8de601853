"""Of each person one text is read at a time, whoever else sends one meanwhile; also of who comes with a token."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.confined import calling
from tests.apim.api.conftest import DOCUMENTS, OPENAPI, MakeClient, assert_problem

pytestmark = pytest.mark.django_db


def test_who_has_a_text_read_has_no_other_one_read_and_others_have(
    api: MakeClient, owner: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "_TURN_S", 0.01)
    document = {"documents": DOCUMENTS.split("---\n")[0], "files": {"./accounts.yaml": OPENAPI}, "dry_run": True}
    with calling._readers.each.of(owner.pk, 0.0):
        refused = api(owner).post("/api/v1/documents/apply", document, format="json")
        assert_problem(refused, 409, "confined.turn")
        assert api(admin).post("/api/v1/documents/apply", document, format="json").status_code == 200
