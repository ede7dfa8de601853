"""llms.txt and Markdown for programs: of what the asker may see, and nothing else."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog.models import API, APIVersion
from apim.catalog.services import publish_version, save_revision, update_api
from apim.catalog.services.guides import create_guide
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

PATHS = """\
  /accounts/{id}:
    get:
      summary: Read an account
      tags: [accounts]
      parameters: [{name: id, in: path, required: true, schema: {type: string}, description: "Which\\n## one"}]
      responses: {'200': {description: Here it is}, '404': {description: No such account}}
  /cards:
    post:
      summary: Order a card
      tags: [cards]
      requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
      responses: {'201': {description: Ordered}}
"""


@pytest.fixture
def bank(acme: Organization) -> API:
    api = catalog.api(organization=acme, name="bank", display_name="Bank [API]", description="Money **here**.")
    version = catalog.draft(of=api)
    revision = save_revision(version=version, document=catalog.openapi(PATHS), upstream=catalog.UPSTREAM, by=TESTER)
    publish_version(version=version, revision=revision, by=TESTER)
    create_guide(api=api, slug="start", title="Start", body="## First", is_published=True, by=TESTER)
    create_guide(api=api, slug="draft", title="Half a thought", by=TESTER)
    return api


@pytest.mark.usefixtures("bank")
def test_the_site_s_index_leads_to_each_api_s_and_on(log_in: LogIn) -> None:
    client = log_in(None)
    index = client.get("/llms.txt")
    assert index["Content-Type"] == "text/plain; charset=utf-8"
    assert "- [Bank (API)](http://testserver/apis/bank/llms.txt): Money here." in index.content.decode()
    text = client.get("/apis/bank/llms.txt").content.decode()
    assert "http://testserver/apis/bank/v1/reference.md" in text
    assert "http://testserver/apis/bank/guides/start.md" in text
    assert "Half a thought" not in text
    assert client.get("/apis/bank/guides/start.md").content.decode() == "# Start\n\n## First\n"
    assert client.get("/apis/bank/guides/draft.md").status_code == 404


@pytest.mark.usefixtures("bank")
def test_the_reference_says_each_operation_in_full(log_in: LogIn) -> None:
    text = log_in(None).get("/apis/bank/v1/reference.md").content.decode()
    assert "## `GET /accounts/{id}`" in text
    assert "- `id` (path, string, required): Which ## one" in text
    assert "- 404: No such account" in text
    assert "- `name` (string, optional)" in text
    narrowed = log_in(None).get("/apis/bank/v1/reference.md", {"tag": "cards"}).content.decode()
    assert "POST /cards" in narrowed
    assert "/accounts" not in narrowed


def test_what_the_asker_may_not_see_is_not_there(bank: API, log_in: LogIn, stranger: User, owner: User) -> None:
    update_api(api=bank, changes={"visibility": "internal"}, by=TESTER)
    for reader in (None, stranger):
        client = log_in(reader)
        assert "bank" not in client.get("/llms.txt").content.decode()
        for path in ("llms.txt", "v1/reference.md", "guides/start.md"):
            assert client.get(f"/apis/bank/{path}").status_code == 404
    assert "bank" in log_in(owner).get("/llms.txt").content.decode()


def test_a_huge_contract_stays_a_document_of_bounded_size(acme: Organization, log_in: LogIn) -> None:
    operations = [
        {"method": "GET", "path": f"/things-{number}", "tags": ["t"], "summary": ""} for number in range(3000)
    ]
    version: APIVersion = catalog.draft(of=catalog.api(organization=acme, name="huge"))
    revision = save_revision(version=version, operations=operations, upstream=catalog.UPSTREAM, by=TESTER)
    publish_version(version=version, revision=revision, by=TESTER)
    text = log_in(None).get("/apis/huge/v1/reference.md").content.decode()
    assert "- `GET /things-2999`" in text
    assert len(text) < 120_000
