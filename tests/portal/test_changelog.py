"""The changelog of an API: each publication that callers notice, for those who may see the API."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization
from apim.catalog import services
from apim.catalog.models import APIVersion
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

OPERATION = "get: {responses: {'200': {description: ok}}}"


def document(*paths: str) -> str:
    return catalog.openapi("\n".join(f"  {path}:\n    {OPERATION}" for path in paths))


def publish(version: APIVersion, text: str) -> None:
    services.save_revision(version=version, by=TESTER, document=text, upstream=catalog.UPSTREAM)
    services.publish_version(version=version, by=TESTER)


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    version = services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    publish(version, document("/accounts", "/cards"))
    return version


def test_publications_are_told_newest_first_with_what_they_change(log_in: LogIn, bank: APIVersion) -> None:
    publish(bank, document("/accounts", "/cards", "/loans"))
    publish(bank, document("/accounts", "/loans"))
    entries = log_in(None).get("/apis/bank/changelog").context["entries"]
    assert [[change["kind"] for change in entry.changes] for entry in entries] == [
        ["operation-removed"], ["operation-added"], [],
    ]  # fmt: skip
    assert [entry.is_breaking for entry in entries] == [True, False, False]


def test_the_filter_leaves_what_breaks(log_in: LogIn, bank: APIVersion) -> None:
    client = log_in(None)
    assert b"Nothing broke" in client.get("/apis/bank/changelog?only=breaking").content
    publish(bank, document("/accounts", "/loans"))
    (entry,) = client.get("/apis/bank/changelog?only=breaking").context["entries"]
    assert [change["kind"] for change in entry.changes] == ["operation-removed"]


def test_what_callers_do_not_notice_is_no_entry(log_in: LogIn, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, upstream={"targets": [{"url": "http://127.0.0.1:9999"}]})
    services.publish_version(version=bank, by=TESTER)
    assert len(log_in(None).get("/apis/bank/changelog").context["entries"]) == 1


def test_a_new_version_says_what_it_is_compared_with(log_in: LogIn, bank: APIVersion) -> None:
    publish(services.create_version(api=bank.api, name="v2", by=TESTER), document("/accounts"))
    text = log_in(None).get("/apis/bank/changelog").content.decode()
    assert "New version, compared with v1." in text


def test_what_is_not_published_is_not_told(log_in: LogIn, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, document=document("/secret"))
    publish(services.create_version(api=bank.api, name="v2", by=TESTER), document("/accounts"))
    APIVersion.objects.filter(name="v2").update(state=APIVersion.State.BLOCKED)
    text = log_in(None).get("/apis/bank/changelog").content.decode()
    assert "/secret" not in text
    assert "v2" not in text


def test_an_internal_api_has_none_for_strangers(log_in: LogIn, acme: Organization, bank: APIVersion) -> None:
    services.update_api(api=bank.api, changes={"visibility": "internal"}, by=TESTER)
    assert log_in(None).get("/apis/bank/changelog").status_code == 404


def test_queries_do_not_grow_with_the_entries(log_in: LogIn, bank: APIVersion) -> None:
    client = log_in(None)
    publish(bank, document("/accounts"))
    with CaptureQueriesContext(connection) as few:
        client.get("/apis/bank/changelog")
    for number in range(5):
        publish(bank, document("/accounts", f"/more-{number}"))
    with CaptureQueriesContext(connection) as many:
        assert len(client.get("/apis/bank/changelog").context["entries"]) == 7
    assert len(many) == len(few)


def test_readers_of_feeds_get_the_same_entries(log_in: LogIn, bank: APIVersion) -> None:
    publish(bank, document("/accounts"))
    answer = log_in(None).get("/apis/bank/changelog.atom")
    assert answer["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)  # noqa: S314 - our own
    atom = {"atom": "http://www.w3.org/2005/Atom"}
    titles = [title.text for title in feed.findall("atom:entry/atom:title", atom)]
    assert titles == ["bank v1: 1 change, breaking", "bank v1: Published"]
    ids = [each.text for each in feed.findall("atom:entry/atom:id", atom)]
    assert len(set(ids)) == 2
    services.update_api(api=bank.api, changes={"visibility": "internal"}, by=TESTER)
    assert log_in(None).get("/apis/bank/changelog.atom").status_code == 404


def test_the_overview_teases_the_latest_changes(log_in: LogIn, bank: APIVersion) -> None:
    publish(bank, document("/accounts"))
    text = log_in(None).get("/apis/bank").content.decode()
    assert "1 change, breaking" in text
    assert "/apis/bank/changelog.atom" in text
    assert "No data: nobody called it in the last 30 days." in text
