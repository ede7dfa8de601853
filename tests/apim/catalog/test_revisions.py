"""Revisions: numbered, gone back to, and refused where they make no sense."""

from __future__ import annotations

import pytest

from apim.audit.actor import Actor
from apim.catalog import services
from apim.errors import Conflict, Invalid, NotFound, Problems
from tests.factories import catalog
from tests.factories.gateways import wanted_revision

pytestmark = pytest.mark.usefixtures("environment")


def test_revisions_are_numbered_and_equal_content_makes_none(by: Actor) -> None:
    version = catalog.draft()
    second = services.save_revision(version=version, by=by, policies=[{"size-limit": {"max": "1MiB"}}], note="smaller")
    again = services.save_revision(version=version, by=by, policies=[{"size-limit": {"max": "1MiB"}}])
    assert (second.number, again.pk) == (2, second.pk)
    assert [one["path"] for one in second.operations] == ["/accounts", "/accounts/{id}"]
    assert list(version.revisions.values_list("number", flat=True)) == [2, 1]


def test_rollback_goes_back_over_what_was_published_only(by: Actor) -> None:
    version = catalog.published()
    services.save_revision(version=version, by=by, upstream={"targets": [{"url": "http://127.0.0.1:1"}]})
    third = services.save_revision(version=version, by=by, upstream={"targets": [{"url": "http://127.0.0.1:2"}]})
    services.publish_version(version=version, by=by, revision=third)
    before = wanted_revision()

    assert services.rollback_version(version=version, by=by).revision.number == 1
    assert wanted_revision() == before + 1
    assert services.rollback_version(version=version, by=by, to_number=2).revision.number == 2
    with pytest.raises(NotFound):
        services.rollback_version(version=version, by=by, to_number=9)
    with pytest.raises(Conflict, match=r"runs in .* already"):
        services.rollback_version(version=version, by=by, to_number=2)
    services.rollback_version(version=version, by=by)
    with pytest.raises(Conflict) as caught:
        services.rollback_version(version=version, by=by)
    assert caught.value.code == "catalog.nothing_to_roll_back"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "not the URL"),
        ("ftp://a", "not the URL"),
        ("http://", "not the URL"),
        ("127.0.0.1:80", "not the URL"),
        ("http://a b", "no spaces"),
        ("http://u:p@a", "password"),
        ("http://a/?x=1", "without"),
        ("http://a:99999", "not a URL"),
        ("http://a:0", "port"),
        ("http://169.254.169.254", "link-local"),
        ("http://[::ffff:169.254.169.254]", "link-local"),
        ("http://[fe80::1]", "link-local"),
    ],
)
def test_an_upstream_has_a_plain_address(url: str, part: str, by: Actor) -> None:
    with pytest.raises(Invalid, match=part) as caught:
        services.save_revision(version=catalog.draft(), by=by, upstream={"targets": [{"url": url}]})
    assert caught.value.field == "upstream.targets.0.url"


@pytest.mark.parametrize(
    "upstream",
    [
        {},
        {"targets": []},
        {"targets": [{"url": "http://a", "weight": -1}]},
        {"targets": [{"url": "http://a", "weight": 0}]},
        {"targets": [{"url": "http://a", "wight": 1}]},
        {"targets": [{"url": "http://a"}], "timeout_s": 0},
        {"targets": [{"url": "http://a"}], "timeout_s": True},
        {"targets": [{"url": "http://a"}], "timeout": 5},
    ],
)
def test_an_upstream_that_makes_no_sense_is_refused(upstream: dict[str, object], by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.save_revision(version=catalog.draft(), by=by, upstream=upstream)
    assert caught.value.code == "catalog.upstream"


@pytest.mark.parametrize(
    ("policies", "field"),
    [
        ([{"rate-limt": {}}], "policies.0"),
        ([{"size-limit": {"max": "lots"}}], "policies.0.max"),
        ([{"size-limit": {"maks": 1}}], "policies.0.maks"),
        ([{"query": {"remove": ["a"]}}, {"cors": {"origins": "*"}}, {"cors": {"origins": "*"}}], "policies.2"),
        ([{}], "policies.0"),
    ],
)
def test_a_policy_is_checked_by_its_kind(policies: list[dict[str, object]], field: str, by: Actor) -> None:
    with pytest.raises(Problems) as caught:
        services.save_revision(version=catalog.draft(), by=by, policies=policies)
    assert field in [error.field for error in caught.value.errors]


@pytest.mark.parametrize(
    "operations",
    [
        [{"method": "FETCH", "path": "/a"}],
        [{"method": "GET", "path": "a"}],
        [{"method": "GET", "path": "/a?b"}],
        [{"method": "GET", "path": "/{a"}],
        [{"method": "get", "path": "/{a}"}, {"method": "GET", "path": "/{b}"}],
    ],
)
def test_an_operation_given_by_hand_is_checked(operations: list[dict[str, object]], by: Actor) -> None:
    with pytest.raises(Problems):
        services.save_revision(version=catalog.draft(), by=by, operations=operations)
