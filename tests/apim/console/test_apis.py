"""APIs in forms: made of a file, an address or nothing, and their settings."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog.models import API, APIVersion
from tests.conftest import LogIn
from tests.factories import catalog

FORM = {"name": "bank", "version": "v1", "upstream_url": "http://127.0.0.1:9101"}


def test_an_uploaded_document_becomes_a_draft_to_review(log_in: LogIn, acme: Organization, owner: User) -> None:
    upload = SimpleUploadedFile("bank.yaml", catalog.openapi().encode())
    response = log_in(owner).post(
        "/console/new-api", {**FORM, "source": "file", "document_file": upload, "organization": acme.pk}, follow=True
    )

    assert response.redirect_chain[-1][0] == "/console/apis/bank/versions/v1/review"
    assert b"/accounts" in response.content
    assert APIVersion.objects.get().state == "draft"


def test_a_file_that_is_no_text_is_refused_at_its_field(log_in: LogIn, acme: Organization, owner: User) -> None:
    upload = SimpleUploadedFile("bank.zip", b"PK\xff\xfe")
    response = log_in(owner).post(
        "/console/new-api", {**FORM, "source": "file", "document_file": upload, "organization": acme.pk}
    )

    assert response.status_code == 422
    assert b"not UTF-8 text" in response.content
    assert not API.objects.exists()


def test_a_faulty_document_is_told_where_it_was_given(log_in: LogIn, acme: Organization, owner: User) -> None:
    data = {**FORM, "organization": acme.pk, "source": "text", "document_text": "openapi: 3.0.0\npaths: [\n"}
    form = log_in(owner).post("/console/new-api", data).context["form"]
    assert list(form.errors) == ["document_text"]
    assert "Line" in form.errors["document_text"][0]


def test_an_upstream_alone_becomes_a_pass_through(log_in: LogIn, acme: Organization, owner: User) -> None:
    data = {**FORM, "source": "upstream", "methods": ["GET", "POST"], "path_prefix": "/soap", "organization": acme.pk}
    log_in(owner).post("/console/new-api", data)

    revision = APIVersion.objects.get().revisions.get()
    assert revision.passthrough == {"methods": ["GET", "POST"], "prefix": "/soap"}


def test_a_blank_api_gets_its_operations_in_a_form(log_in: LogIn, acme: Organization, owner: User) -> None:
    client = log_in(owner)
    client.post("/console/new-api", {**FORM, "source": "blank", "organization": acme.pk})
    rows = {
        "operations-TOTAL_FORMS": "2", "operations-INITIAL_FORMS": "0",
        "operations-0-method": "GET", "operations-0-path": "/accounts", "operations-0-summary": "List",
        "operations-1-method": "GET", "operations-1-path": "",
    }  # fmt: skip
    client.post("/console/apis/bank/versions/v1/operations", rows)
    rows |= {"operations-INITIAL_FORMS": "1", "operations-1-path": "/transfers", "operations-0-remove": "on"}
    client.post("/console/apis/bank/versions/v1/operations", rows)

    newest = APIVersion.objects.get().revisions.first()
    assert newest is not None
    assert [(each["method"], each["path"]) for each in newest.operations] == [("GET", "/transfers")]


def test_a_name_that_is_taken_is_told_beside_the_field(log_in: LogIn, acme: Organization, owner: User) -> None:
    catalog.api(organization=acme, name="bank")
    response = log_in(owner).post("/console/new-api", {**FORM, "source": "blank", "organization": acme.pk})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"name"}


def test_an_owner_cannot_make_an_api_for_another_organization(log_in: LogIn, globex: Organization, owner: User) -> None:
    response = log_in(owner).post("/console/new-api", {**FORM, "source": "blank", "organization": globex.pk})

    assert response.status_code == 422
    assert not API.objects.exists()


def test_settings_are_saved_and_audited(log_in: LogIn, acme: Organization, owner: User) -> None:
    api = catalog.api(organization=acme, name="bank")
    data = {"display_name": "Bank", "visibility": "internal", "key_header": "X-Bank-Key"}
    log_in(owner).post("/console/apis/bank/settings", data)

    api.refresh_from_db()
    assert (api.display_name, api.visibility, api.key_header) == ("Bank", "internal", "X-Bank-Key")
    event = AuditEvent.objects.get(action="api.update")
    assert (event.actor_label, event.before["visibility"], event.after["visibility"]) == (
        owner.email, "public", "internal",
    )  # fmt: skip
