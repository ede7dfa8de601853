"""No state is published that gateways would refuse: the one before stays, and it is told why (R4, C8, H26)."""

from __future__ import annotations

import pytest

from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.gateways.services import touch
from gateway_sync.delivery import services
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.pinning import roll_back
from gateway_sync.snapshot import acceptance, decode
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER
from tests.gateway_sync.builders import UNREADABLE

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


def served(publication: Publication) -> dict[str, str]:
    """The first operation of each version by its id."""
    bodies = {name: Fragment.objects.get(digest=d).body for name, d in publication.manifest["fragments"].items()}
    return {version.id: version.routes[0].id for api in decode(bodies).apis for version in api.versions}


def newest() -> Publication:
    """What was published last."""
    return Publication.objects.all()[:1].get()


def edit(version: APIVersion, **upstream: object) -> None:
    """Write settings that no service would take, past all of them."""
    revision = version.deployments.get().revision
    changed = {**revision.upstream, **upstream}
    revision.__class__.objects.filter(id=revision.id).update(upstream=changed, digest=f"edited {upstream}"[:64])
    touch(list(version.deployments.values_list("environment_id", flat=True)))


def test_a_version_that_no_gateway_loads_keeps_its_last_form_and_others_move_on(environment: Environment) -> None:
    broken, sound = factory.published_version("GET /old"), factory.published_version("GET /old")
    services.publish(environment.id)
    edit(broken, targets=[{"url": "https://127.0.0.1:9101", "weight": 100}], tls={"ca": UNREADABLE})
    factory.changed_version(sound, "GET /new")
    published = services.publish(environment.id)
    assert {problem.code for problem in published.problems} == {"version.E005"}
    (told,) = newest().problems
    assert (told["where_id"], told["where_field"]) == (broken.id, "versions.v1.upstream.tls")
    assert served(newest()) == {broken.id: "GET /old", sound.id: "GET /new"}


def test_a_state_that_is_too_large_leaves_the_one_before_without_what_is_blocked(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = factory.published_version("GET /a"), factory.published_version("GET /b")
    services.publish(environment.id)
    monkeypatch.setattr(acceptance, "MAX_STATE_BYTES", sum(len(each.body) for each in Fragment.objects.all()))
    third = factory.published_version(*(f"GET /c/{number}" for number in range(20)))
    published = services.publish(environment.id)
    assert {problem.code for problem in published.problems} == {"environment.E007"}
    assert "bytes" in newest().problems[0]["message"]
    assert served(newest()) == {first.id: "GET /a", second.id: "GET /b"}
    APIVersion.objects.filter(id=first.id).update(state=APIVersion.State.BLOCKED)
    touch([environment.id])
    services.publish(environment.id)
    assert first.id not in served(newest())
    monkeypatch.undo()
    touch([environment.id])
    assert services.publish(environment.id).is_new
    assert set(served(newest())) == {second.id, third.id}


def test_a_first_state_that_gateways_would_refuse_opens_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.published_version("GET /a")
    monkeypatch.setattr(acceptance, "MAX_STATE_BYTES", 10)
    published = services.publish(environment.id)
    assert {problem.code for problem in published.problems} >= {"environment.E007"}
    assert served(newest()) == {}


def test_going_back_to_what_no_gateway_of_now_would_load_leaves_what_is_in_force(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = factory.published_version(*(f"GET /a/{number}" for number in range(5)))
    services.publish(environment.id)
    large = newest()
    factory.changed_version(version, "GET /b")
    services.publish(environment.id)
    monkeypatch.setattr(acceptance, "MAX_ROUTES_A_VERSION", 3)  # as in a release that takes less
    roll_back(publication=large, by=TESTER, reason="the calls fail")
    services.publish(environment.id)
    assert "environment.E007" in {problem["code"] for problem in newest().problems}
    assert served(newest()) == {version.id: "GET /b"}
