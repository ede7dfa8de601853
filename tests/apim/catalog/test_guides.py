"""Guides: written in the console, by REST and by documents; read in the portal by who may see the API."""

from __future__ import annotations

import pytest
import yaml

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.catalog.models import API, Guide
from apim.catalog.services.guides import create_guide, update_guide
from apim.documents.exporting import export_documents
from apim.documents.services import apply_documents
from apim.errors import Invalid
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def bank(acme: Organization) -> API:
    return catalog.published(of=catalog.api(organization=acme, name="bank")).api


def test_a_guide_goes_last_and_its_address_is_its_own(bank: API) -> None:
    create_guide(api=bank, slug="start", title="Start", by=TESTER)
    assert create_guide(api=bank, slug="money", title="Money", by=TESTER).position == 1
    with pytest.raises(Invalid):
        create_guide(api=bank, slug="start", title="Again", by=TESTER)
    with pytest.raises(Invalid):
        update_guide(guide=Guide.objects.get(slug="start"), changes={"slug": "../x"}, by=TESTER)


def test_readers_find_published_guides_and_owners_their_drafts(
    bank: API, log_in: LogIn, stranger: User, owner: User
) -> None:
    create_guide(api=bank, slug="start", title="Start here", body="# One\n## Two\n<script>x</script>", by=TESTER)
    for reader in (None, stranger):
        assert log_in(reader).get("/apis/bank/guides/start").status_code == 404
        assert "Start here" not in log_in(reader).get("/apis/bank").content.decode()
    assert "Draft" in log_in(owner).get("/apis/bank/guides/start").content.decode()
    update_guide(guide=Guide.objects.get(), changes={"is_published": True}, by=TESTER)
    page = log_in(None).get("/apis/bank/guides/start").content.decode()
    assert '<h2 id="s-one">' in page
    assert 'href="#s-two"' in page
    assert "<script>x" not in page
    assert "/apis/bank/guides/start" in log_in(None).get("/apis/bank").content.decode()
    API.objects.update(visibility="internal")
    assert log_in(stranger).get("/apis/bank/guides/start").status_code == 404


def test_an_owner_writes_previews_and_deletes(bank: API, log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    fields = {"title": "Start", "slug": "start", "position": "0", "body": "# Hello", "is_published": "on"}
    shown = client.post("/console/apis/bank/new-guide", {**fields, "preview": "1"}).content.decode()
    assert "<h3>Hello</h3>" in shown.replace(' id="s-hello"', "")
    assert not Guide.objects.exists()
    assert client.post("/console/apis/bank/new-guide", fields).status_code == 302
    assert client.post("/console/apis/bank/new-guide", fields).status_code == 422  # the address is taken
    piece = client.post("/console/apis/bank/preview-guide", {"body": "![x](https://evil.example/x.png) **b**"})
    assert "<strong>b</strong>" in piece.content.decode()
    assert "evil.example" not in piece.content.decode()
    client.post("/console/apis/bank/guides/start", {**fields, "title": "Begin", "is_published": ""})
    guide = Guide.objects.get()
    assert (guide.title, guide.is_published) == ("Begin", False)
    assert client.post("/console/apis/bank/guides/start/delete").status_code == 422
    client.post("/console/apis/bank/guides/start/delete", {"typed": "start"})
    assert not Guide.objects.exists()


def test_documents_carry_guides_there_and_back(bank: API, admin: User, by: Actor) -> None:
    document = """\
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank }
spec:
  category: Banking
  tags: [payments]
  guides:
    - { slug: start, title: Start, body: { $file: ./start.md }, published: true }
    - { slug: later, title: Later }
"""
    files = {"./start.md": "# Hello"}
    applied = apply_documents(text=document, files=files, user=admin, by=by)
    assert set(applied.changes[0].fields) >= {"guides.start", "guides.later", "tags", "category"}
    assert apply_documents(text=document, files=files, user=admin, by=by).changes[0].action == "unchanged"
    spec = yaml.safe_load(export_documents(kind="API", name="bank", user=admin))["spec"]
    assert [guide["slug"] for guide in spec["guides"]] == ["start", "later"]
    assert spec["guides"][0]["body"] == "# Hello"
    assert (spec["category"], spec["tags"]) == ("Banking", ["payments"])
