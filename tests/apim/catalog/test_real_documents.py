"""A large published document, imported whole: GitHub's, of npm's @octokit/openapi."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.catalog.reference import build_reference, samples_for
from apim.catalog.services import import_document, publish_version
from tests.published import published_text


@pytest.fixture(scope="module")
def text() -> str:
    """The document, some 13 MB."""
    return published_text("github.json")


@pytest.mark.usefixtures("environment")
def test_github_is_imported_without_loss(
    text: str, acme: Organization, by: Actor, record_property: Callable[[str, object], None]
) -> None:
    started = time.perf_counter()
    imported = import_document(
        source=text,
        api_name="github",
        version_name="v3",
        upstream_url="",
        organization=acme,
        by=by,
    )
    publish_version(version=imported.version, by=by)
    record_property("imported_after_s", round(time.perf_counter() - started, 2))
    (told,) = imported.problems  # the one operation with a server of its own
    assert told["pointer"].endswith("~1assets/post/servers")
    assert told["severity"] == "warning"
    assert len(imported.revision.operations) > 1000
    assert imported.revision.upstream["targets"][0]["url"] == "https://api.github.com"
    assert imported.revision.document == text


def test_every_operation_has_its_page(text: str, record_property: Callable[[str, object], None]) -> None:
    reference = build_reference(text)
    entries = [entry for group in reference.groups for entry in group.entries]
    assert len(entries) > 1000
    slowest = 0.0
    for entry in entries:
        started = time.perf_counter()
        detail = reference.detail(entry)
        samples_for(detail, base_url="http://gw/github/v3", key_header="X-API-Key", key="KEY")
        slowest = max(slowest, time.perf_counter() - started)
        assert detail.answers
    record_property("slowest_page_s", round(slowest, 2))
