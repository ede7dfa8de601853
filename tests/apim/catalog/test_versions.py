"""Versions: what publishing opens, which way each state leads, what gateways are told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog import services
from apim.catalog.models import APIVersion, Deployment
from apim.errors import Conflict, Invalid
from tests.factories import catalog
from tests.factories.gateways import wanted_revision

pytestmark = pytest.mark.usefixtures("environment")
State = APIVersion.State
DEPRECATED_AT = datetime(2026, 10, 1, tzinfo=UTC)
SUNSET_AT = datetime(2027, 6, 30, tzinfo=UTC)


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
