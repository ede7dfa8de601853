"""The document editor: judged while it is written, saved as a revision, and two editors who are told of each other."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.forms.editor import EDITED_BYTES_AT_MOST
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

URL = "/console/apis/bank/versions/v1/editor"
MORE = catalog.openapi("  /cards:\n    get: {summary: Cards, responses: {'200': {description: ok}}}")

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    """A version whose first revision has a document."""
    version = services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    services.save_revision(version=version, by=TESTER, document=catalog.openapi(), upstream=catalog.UPSTREAM)
    return version


def test_the_text_is_saved_as_the_next_revision(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    text = MORE.replace("\n", "\r\n")  # as browsers send it
    answer = log_in(owner).post(URL, {"text": text, "seen": "1", "note": "Cards"})
    assert answer.headers["Location"] == "/console/apis/bank/versions/v1/review"
    revision = bank.revisions.first()
    assert (revision.number, revision.document, revision.note) == (2, MORE, "Cards")


def test_who_saves_after_somebody_else_is_told_and_keeps_the_text(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    services.save_revision(version=bank, by=TESTER, document=catalog.openapi(more="tags: []\n"))
    told = client.post(URL, {"text": MORE, "seen": "1"})
    assert told.status_code == 422
    assert b"saved revision 2 meanwhile" in told.content
    assert b"/cards" in told.content
    assert bank.revisions.count() == 2
    assert client.post(URL, {"text": MORE, "seen": "2"}).status_code == 302


def test_a_text_is_judged_without_being_saved(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    piece = client.post(URL, {"text": MORE, "seen": "1", "check": "1"}, headers={"HX-Request": "true"})
    assert piece.context["report"].findings
    assert b"<html" not in piece.content
    whole = client.post(URL, {"text": MORE, "seen": "1", "check": "1"})
    assert whole.context["form"]["text"].value() == MORE
    assert b"<code>/cards</code>" in whole.content
    assert bank.revisions.count() == 1


def test_what_is_no_document_is_a_finding_and_not_saved(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    piece = client.post(URL, {"text": "a: [", "seen": "1", "check": "1"}, headers={"HX-Request": "true"})
    assert [finding.severity for finding in piece.context["findings"]] == ["error"]
    assert client.post(URL, {"text": "a: [", "seen": "1"}).status_code == 422
    assert bank.revisions.count() == 1


def test_what_is_too_large_is_left_to_the_import(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    large = MORE + "# " + "x" * EDITED_BYTES_AT_MOST
    assert client.post(URL, {"text": large, "seen": "1"}).status_code == 422
    services.save_revision(version=bank, by=TESTER, document=large)
    assert b"too large to be edited here" in client.get(URL).content


def test_a_version_without_a_document_starts_with_the_frame_of_one(
    log_in: LogIn, owner: User, acme: Organization
) -> None:
    catalog.draft(of=catalog.api(organization=acme, name="bank"))
    page = log_in(owner).get(URL)
    assert page.context["form"].initial["text"].startswith("openapi: 3.1.0")
