"""APIs, versions, revisions and deployments: what the services allow, record and tell the gateways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog import services
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.errors import Conflict, DomainError, Invalid, NotFound, Problems
from apim.gateways.models import Environment
from apim.products.services import archive_product
from tests.factories import catalog, products

State = APIVersion.State
DEPRECATED_AT = datetime(2026, 10, 1, tzinfo=UTC)
SUNSET_AT = datetime(2027, 6, 30, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("environment")


def code_of(error: DomainError) -> str:
    """The code of an error, or of the first of several."""
    return error.errors[0].code if isinstance(error, Problems) else error.code


def wanted_revision() -> int:
    """How often gateways were told that something changed."""
    return Environment.objects.get().revision


def test_a_name_is_taken_once_in_the_installation(acme: Organization, globex: Organization, by: Actor) -> None:
    services.create_api(organization=acme, name="bank", by=by)
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=globex, name="bank", by=by)
    assert code_of(caught.value) == "catalog.name_taken"
    assert caught.value.field == "name"


@pytest.mark.parametrize("name", ["", "Bank", "a b", "-a", "a-", "a/b", "a_b", "x" * 61])
def test_a_name_is_a_plain_part_of_a_url(name: str, acme: Organization, by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=acme, name=name, by=by)
    assert caught.value.field == "name"
    assert not API.objects.exists()


@pytest.mark.parametrize("header", ["Host", "Content-Length", "X Key", "", "cookie"])
def test_a_key_header_is_one_that_nobody_else_uses(header: str, acme: Organization, by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=acme, name="bank", by=by, key_header=header)
    assert caught.value.field == "key_header"


def test_words_are_changed_without_a_word_to_the_gateways(by: Actor) -> None:
    api = catalog.published().api
    before = wanted_revision()
    services.update_api(api=api, changes={"display_name": "The bank"}, by=by)
    assert wanted_revision() == before
    services.update_api(api=api, changes={"key_header": "X-Key"}, by=by)
    assert wanted_revision() == before + 1
    assert AuditEvent.objects.filter(action="api.update").first().after["key_header"] == "X-Key"


def test_fields_that_are_not_there_are_named(by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.update_api(api=catalog.api(), changes={"dispaly_name": "x"}, by=by)
    assert caught.value.hint == "Did you mean `display_name`?"


def test_publishing_opens_a_version(by: Actor) -> None:
    version = catalog.draft()
    before = wanted_revision()

    deployment = services.publish_version(version=version, by=by)

    version.refresh_from_db()
    assert (version.state, deployment.revision.number) == (State.PUBLISHED, 1)
    assert version.published_at is not None
    assert wanted_revision() == before + 1
    assert services.publish_version(version=version, by=by) == deployment
    assert wanted_revision() == before + 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({}, "catalog.no_revision"),
        ({"upstream": catalog.UPSTREAM}, "catalog.no_operations"),
        ({"operations": catalog.OPERATIONS}, "catalog.no_upstream"),
    ],
)
def test_a_version_that_cannot_be_called_is_not_published(content: dict[str, object], code: str, by: Actor) -> None:
    version = services.create_version(api=catalog.api(), name="v1", by=by)
    if content:
        services.save_revision(version=version, by=by, **content)  # type: ignore[arg-type]
    with pytest.raises(Conflict) as caught:
        services.publish_version(version=version, by=by)
    assert caught.value.code == code
    assert caught.value.hint


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


def test_two_versions_run_side_by_side() -> None:
    first = catalog.published()
    catalog.published(of=first.api, name="v2")
    assert Deployment.objects.filter(version__api=first.api).count() == 2


def test_deprecation_keeps_its_dates_and_can_be_taken_back(by: Actor) -> None:
    version = catalog.published()
    successor = catalog.published(of=version.api, name="v2")
    before = wanted_revision()
    services.deprecate_version(
        version=version, by=by, deprecated_at=DEPRECATED_AT, sunset_at=SUNSET_AT, successor=successor
    )
    assert (version.state, version.successor, wanted_revision()) == (State.DEPRECATED, successor, before + 1)
    services.deprecate_version(
        version=version, by=by, deprecated_at=DEPRECATED_AT, sunset_at=SUNSET_AT, successor=successor
    )
    assert wanted_revision() == before + 1
    services.reinstate_version(version=version, by=by)
    version.refresh_from_db()
    assert (version.state, version.sunset_at, version.successor) == (State.PUBLISHED, None, None)


def test_a_sunset_before_the_deprecation_is_refused(by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.deprecate_version(version=catalog.published(), by=by, deprecated_at=SUNSET_AT, sunset_at=DEPRECATED_AT)
    assert caught.value.field == "sunset_at"


def test_who_saves_an_api_from_an_old_copy_does_not_undo_what_came_between(by: Actor) -> None:
    stale = catalog.published().api
    services.archive_api(api=API.objects.get(pk=stale.pk), by=by)
    assert services.update_api(api=stale, changes={"description": "new words"}, by=by).archived_at
    stale.archived_at = None
    services.archive_api(api=stale, by=by)
    assert AuditEvent.objects.filter(action="api.archive").count() == 1


def test_gateways_hear_of_a_successor_under_another_name(by: Actor) -> None:
    version = catalog.published()
    successor = services.create_version(api=version.api, name="v2-draft", by=by)
    services.deprecate_version(version=version, by=by, deprecated_at=DEPRECATED_AT, successor=successor)
    before = wanted_revision()
    services.update_version(version=successor, changes={"documentation": "Soon."}, by=by)
    assert wanted_revision() == before
    services.update_version(version=successor, changes={"name": "v2"}, by=by)
    assert wanted_revision() == before + 1


def test_the_successor_is_a_version_of_the_same_api(by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.deprecate_version(
            version=catalog.published(), by=by, deprecated_at=DEPRECATED_AT, successor=catalog.published()
        )
    assert caught.value.field == "successor"


def test_a_deprecated_version_may_still_be_mended(by: Actor) -> None:
    version = catalog.published()
    services.deprecate_version(version=version, by=by, deprecated_at=DEPRECATED_AT)
    services.save_revision(version=version, by=by, upstream={"targets": [{"url": "http://127.0.0.1:7"}]})
    assert services.publish_version(version=version, by=by).revision.number == 2
    assert version.state == State.DEPRECATED


def test_blocking_says_why_and_unblocking_gives_the_state_back(by: Actor) -> None:
    version = catalog.published()
    services.deprecate_version(version=version, by=by, deprecated_at=DEPRECATED_AT)
    with pytest.raises(Invalid):
        services.block_version(version=version, by=by, reason=" ")
    services.block_version(version=version, by=by, reason="leaks accounts")
    assert (version.state, version.blocked_reason) == (State.BLOCKED, "leaks accounts")
    assert AuditEvent.objects.get(action="version.block").reason == "leaks accounts"
    services.unblock_version(version=version, by=by)
    assert (version.state, version.blocked_reason) == (State.DEPRECATED, "")


def test_a_block_is_not_undone_by_who_read_the_version_before(by: Actor) -> None:
    version = catalog.published()
    stale = APIVersion.objects.get(pk=version.pk)
    services.block_version(version=version, by=by, reason="leaks accounts")
    for act in (
        lambda: services.deprecate_version(version=stale, by=by, deprecated_at=DEPRECATED_AT),
        lambda: services.publish_version(version=stale, by=by),
    ):
        with pytest.raises(Conflict):
            act()
    version.refresh_from_db()
    assert version.state == State.BLOCKED


def _moves(version: APIVersion, by: Actor) -> dict[str, Callable[[], object]]:
    return {
        "submit": lambda: services.submit_version(version=version, by=by),
        "return": lambda: services.return_version(version=version, by=by),
        "publish": lambda: services.publish_version(version=version, by=by),
        "deprecate": lambda: services.deprecate_version(version=version, by=by, deprecated_at=SUNSET_AT),
        "reinstate": lambda: services.reinstate_version(version=version, by=by),
        "retire": lambda: services.retire_version(version=version, by=by),
        "block": lambda: services.block_version(version=version, by=by, reason="why"),
        "unblock": lambda: services.unblock_version(version=version, by=by),
    }


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (State.DRAFT, {"submit", "publish"}),
        (State.REVIEW, {"return", "publish"}),
        (State.PUBLISHED, {"publish", "deprecate", "block"}),
        (State.DEPRECATED, {"publish", "deprecate", "reinstate", "retire", "block"}),
        (State.RETIRED, set()),
        (State.BLOCKED, {"unblock"}),
    ],
)
def test_each_state_has_its_ways_out_and_no_others(state: str, allowed: set[str], by: Actor) -> None:
    for name in _moves(APIVersion(), by):
        version = catalog.draft()
        APIVersion.objects.filter(pk=version.pk).update(state=state)
        version.refresh_from_db()
        if name in allowed:
            _moves(version, by)[name]()
            continue
        with pytest.raises(Conflict) as caught:
            _moves(version, by)[name]()
        assert caught.value.code == "catalog.transition"
        version.refresh_from_db()
        assert version.state == state


def test_archiving_stops_publishing_and_restoring_brings_it_back(by: Actor) -> None:
    version = catalog.published()
    before = wanted_revision()
    services.archive_api(api=version.api, by=by)
    with pytest.raises(Conflict) as caught:
        services.publish_version(version=version, by=by)
    assert caught.value.code == "catalog.api_archived"
    services.restore_api(api=version.api, by=by)
    assert wanted_revision() == before + 2
    assert Deployment.objects.count() == 1


def test_deletion_is_refused_while_anybody_loses_by_it(by: Actor) -> None:
    version = catalog.published()
    product = products.product(version=version)
    consequences = services.deletion_consequences(version.api)
    assert (consequences.versions, consequences.live_versions, consequences.revisions) == (("v1",), ("v1",), 1)
    assert (consequences.products, consequences.can_delete) == ((product.name,), False)
    with pytest.raises(Conflict) as caught:
        services.delete_api(api=version.api, by=by)
    assert caught.value.code == "catalog.api_in_products"
    assert product.name in caught.value.message
    archive_product(product=product, by=by)
    with pytest.raises(Conflict) as caught:
        services.delete_api(api=version.api, by=by)
    assert caught.value.code == "catalog.api_is_live"
    services.archive_api(api=version.api, by=by)
    services.delete_api(api=version.api, by=by)
    assert not API.objects.exists()
    assert not product.items.exists()


def test_an_archived_api_is_deleted_whole(by: Actor) -> None:
    version = catalog.published()
    services.archive_api(api=version.api, by=by)
    before = wanted_revision()
    services.delete_api(api=version.api, by=by)
    assert not any(model.objects.exists() for model in (API, APIVersion, Revision, Deployment))
    assert wanted_revision() == before + 1
    assert AuditEvent.objects.get(action="api.delete").before["versions"] == ["v1"]


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


def test_a_list_of_versions_takes_a_fixed_number_of_queries(
    acme: Organization, django_assert_num_queries: object
) -> None:
    for number in range(5):
        catalog.published(of=catalog.api(organization=acme, name=f"api-x{number}"))
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len([version.api.name for version in APIVersion.objects.select_related("api")]) == 5
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len([one.number for one in Revision.objects.summaries()]) == 5
