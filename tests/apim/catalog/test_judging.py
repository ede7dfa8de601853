"""What a publication changes for callers is kept with it."""

from __future__ import annotations

import re

import pytest

from apim.catalog import comparisons, services
from apim.catalog.models import APIVersion, Revision
from apim.catalog.services.versions import RESERVED_NAMES
from apim.errors import Invalid
from apim.openapi.differing import work
from portal.urls import urlpatterns
from tests.factories import catalog
from tests.factories.accounts import TESTER

OPERATION = "get: {responses: {'200': {description: ok}}}"
TWO = catalog.openapi(f"  /accounts:\n    {OPERATION}\n  /cards:\n    {OPERATION}")
ONE = catalog.openapi(f"  /cards:\n    {OPERATION}")

pytestmark = pytest.mark.usefixtures("environment")


def publish(version: APIVersion, document: str) -> Revision:
    revision = services.save_revision(version=version, by=TESTER, document=document, upstream=catalog.UPSTREAM)
    services.publish_version(version=version, by=TESTER)
    return Revision.objects.get(pk=revision.pk)


@pytest.mark.django_db
def test_the_first_publication_has_nothing_to_be_compared_with() -> None:
    revision = publish(services.create_version(api=catalog.api(), name="v1", by=TESTER), TWO)
    assert (revision.compared_with, revision.changes) == (None, None)
    assert revision.published_at is not None


@pytest.mark.django_db
def test_a_publication_keeps_what_it_changes_with_lines() -> None:
    version = services.create_version(api=catalog.api(), name="v1", by=TESTER)
    first, second = publish(version, TWO), publish(version, ONE)
    assert second.compared_with == first
    assert second.changes == [
        {
            "kind": "operation-removed",
            "impact": "breaking",
            "message": "GET /accounts is removed.",
            "operations": ["GET /accounts"],
            "before": {"pointer": "/paths/~1accounts/get", "line": 5},
            "after": {"pointer": "", "line": 1},
        }
    ]


@pytest.mark.django_db
def test_a_new_version_is_compared_with_the_last_publication_of_another() -> None:
    api = catalog.api()
    first = publish(services.create_version(api=api, name="v1", by=TESTER), ONE)
    second = publish(services.create_version(api=api, name="v2", by=TESTER), TWO)
    assert second.compared_with == first
    assert [change["kind"] for change in second.changes or []] == ["operation-added"]


@pytest.mark.django_db
def test_what_callers_do_not_notice_is_an_empty_list_and_a_rollback_changes_nothing() -> None:
    version = services.create_version(api=catalog.api(), name="v1", by=TESTER)
    publish(version, TWO)
    services.save_revision(version=version, by=TESTER, upstream={"targets": [{"url": "http://127.0.0.1:9999"}]})
    services.publish_version(version=version, by=TESTER)
    newest = version.revisions.get(number=2)
    assert newest.changes == []
    services.rollback_version(version=version, by=TESTER, to_number=1)
    assert version.revisions.get(number=1).changes is None


@pytest.mark.django_db
def test_a_version_cannot_have_the_name_of_a_page_of_the_portal() -> None:
    pages = re.compile(r"apis/<str:api_name>/([\w.]+)(?:/.*)?")
    reserved = {found[1] for one in urlpatterns if (found := pages.fullmatch(str(one.pattern)))}
    assert reserved == RESERVED_NAMES
    api = catalog.api()
    version = services.create_version(api=api, name="v1", by=TESTER)
    for name in reserved:
        with pytest.raises(Invalid, match="name of a page"):
            services.create_version(api=api, name=name, by=TESTER)
        with pytest.raises(Invalid, match="name of a page"):
            services.update_version(version=version, changes={"name": name}, by=TESTER)


@pytest.mark.django_db
def test_what_was_compared_with_an_older_publication_is_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    api = catalog.api()
    publish(services.create_version(api=api, name="v1", by=TESTER), ONE)
    second = services.create_version(api=api, name="v2", by=TESTER)
    services.save_revision(version=second, by=TESTER, document=TWO, upstream=catalog.UPSTREAM)
    third = services.create_version(api=api, name="v3", by=TESTER)
    make, seen = comparisons.Comparisons.make, []

    def make_after_another_was_published(made: comparisons.Comparisons) -> None:
        if not seen:
            seen.append(made)
            publish(third, TWO)
        make(made)

    monkeypatch.setattr(comparisons.Comparisons, "make", make_after_another_was_published)
    services.publish_version(version=second, by=TESTER)
    kept = second.revisions.get()
    assert (kept.compared_with, kept.changes) == (third.revisions.get(), [])


@pytest.mark.django_db
def test_what_could_not_be_compared_is_kept_with_the_publication(monkeypatch: pytest.MonkeyPatch) -> None:
    version = services.create_version(api=catalog.api(), name="v1", by=TESTER)
    publish(version, TWO)
    monkeypatch.setattr(work, "WORK_AT_MOST", 1)
    revision = publish(version, TWO.replace("/cards", "/cash"))
    assert revision.skipped
