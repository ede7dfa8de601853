"""Publishing: stored once, signed, pushed, and never held back by anybody's fault.

Promises C9.
"""

from __future__ import annotations

import base64
import json
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.utils import timezone
from redis import Redis
from redis.client import PubSub

from apim.gateways.models import Environment
from apim.gateways.services import AccessChange, append_access, touch
from gateway_sync.delivery import services
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.push import channel_of
from gateway_sync.snapshot import Manifest, decode, digest, signed_bytes
from tests.factories import gateways as factory
from tests.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])


def listener(redis: Redis, environment: Environment) -> PubSub:
    channel = redis.pubsub(ignore_subscribe_messages=True)
    channel.subscribe(channel_of(environment.name))
    channel.get_message(timeout=2)
    return channel


def heard(channel: PubSub) -> dict[str, object] | None:
    message = channel.get_message(timeout=0.5)
    return json.loads(message["data"]) if message else None


@pytest.mark.usefixtures("no_redis")
def test_a_publication_can_be_verified_and_decoded_from_what_is_stored(environment: Environment) -> None:
    factory.published_version("GET /accounts")
    published = services.publish(environment.id)
    publication = Publication.objects.get()
    manifest = Manifest(**publication.manifest)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(settings.KEYRING.verify_key()))
    key.verify(base64.b64decode(manifest.signature), signed_bytes(manifest))
    bodies = {name: Fragment.objects.get(digest=wanted).body for name, wanted in manifest.fragments.items()}
    assert all(digest(bodies[name].encode()) == wanted for name, wanted in manifest.fragments.items())
    assert decode(bodies).apis[0].versions[0].routes[0].id == "GET /accounts"
    environment.refresh_from_db()
    assert published.revision == manifest.revision == environment.published_revision == environment.revision
    assert not environment.is_waiting_to_publish


def test_a_state_equal_to_the_one_in_force_is_marked_covered_and_not_stored(
    environment: Environment, redis: Redis
) -> None:
    services.publish(environment.id)
    channel = listener(redis, environment)
    touch([environment.id])
    published = services.publish(environment.id)
    environment.refresh_from_db()
    assert not published.is_new
    assert environment.published_revision == environment.revision == published.revision
    assert Publication.objects.count() == 1
    assert heard(channel) is None


@pytest.mark.usefixtures("no_redis")
def test_many_touches_are_one_publication(environment: Environment) -> None:
    for _ in range(5):
        factory.published_version()
    services.publish(environment.id)
    services.publish(environment.id)
    assert Publication.objects.count() == 1


@pytest.mark.usefixtures("no_redis")
def test_a_broken_version_is_told_on_its_publication_and_others_move_on(environment: Environment) -> None:
    broken, sound = factory.published_version("GET /old"), factory.published_version("GET /old")
    services.publish(environment.id)
    broken.deployments.get().revision.__class__.objects.filter(version=broken).update(upstream={}, digest="edited")
    factory.changed_version(sound, "GET /new")
    published = services.publish(environment.id)
    assert [problem.code for problem in published.problems] == ["upstream.E001", "version.W003"]
    publication = Publication.objects.first()
    assert publication is not None
    assert {problem["where_id"] for problem in publication.problems} == {broken.id}
    bodies = {name: Fragment.objects.get(digest=d).body for name, d in publication.manifest["fragments"].items()}
    routes = {api.versions[0].id: api.versions[0].routes[0].id for api in decode(bodies).apis}
    assert routes == {broken.id: "GET /old", sound.id: "GET /new"}


@pytest.mark.usefixtures("no_redis")
def test_new_problems_are_stored_even_when_gateways_have_nothing_to_learn(environment: Environment) -> None:
    version = factory.published_version("GET /a")
    services.publish(environment.id)
    version.deployments.get().revision.__class__.objects.filter(version=version).update(upstream={}, digest="edited")
    touch([environment.id])
    assert not services.publish(environment.id).is_new
    newest, oldest = Publication.objects.all()
    assert newest.digest == oldest.digest
    assert newest.problems
    assert not oldest.problems


def test_a_push_carries_what_changed_since_the_last_publication(environment: Environment, redis: Redis) -> None:
    first, second = factory.published_version("GET /a"), factory.published_version("GET /b")
    base = services.publish(environment.id)
    channel = listener(redis, environment)
    factory.changed_version(second, "GET /c")
    published = services.publish(environment.id)
    message = heard(channel)
    assert message is not None
    assert (message["base_digest"], message["manifest"]["digest"]) == (base.digest, published.digest)
    (fragment,) = message["fragments"].values()
    assert second.api_id in fragment
    assert first.api_id not in fragment


def test_access_changes_are_pushed_once_and_without_a_compilation(environment: Environment, redis: Redis) -> None:
    services.publish(environment.id)
    channel = listener(redis, environment)
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {"state": "active"})])
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "ff", None)])
    services.publish(environment.id)
    services.publish(environment.id)
    message = heard(channel)
    assert message is not None
    assert message["manifest"] is None
    assert message["access"].pop("signature")
    assert message["access"] == {
        "after": 0,
        "upto": 2,
        "is_full": False,
        "records": [["application", "app_1", {"state": "active"}], ["credential", "ff", None]],
        "more": False,
    }
    assert heard(channel) is None


def test_too_many_access_changes_are_pushed_as_a_gap(environment: Environment, redis: Redis) -> None:
    factory.stock(environment, apis=0, access=1_001)
    channel = listener(redis, environment)
    services.publish_access(environment.id)
    message = heard(channel)
    assert message is not None
    assert (message["access"]["after"], message["access"]["records"]) == (1_001, [])


@pytest.mark.usefixtures("no_redis")
def test_with_redis_dead_everything_is_published_for_those_who_pull(environment: Environment) -> None:
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {})])
    assert services.publish(environment.id).is_new
    environment.refresh_from_db()
    assert not environment.is_waiting_to_publish


@pytest.mark.usefixtures("no_redis")
def test_what_waits_is_found_without_a_message(environment: Environment) -> None:
    assert services.publish_pending() == 1
    assert services.publish_pending() == 0
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {})])
    assert services.publish_pending() == 1


@pytest.mark.usefixtures("no_redis")
def test_two_processes_that_publish_at_once_store_one_publication(environment: Environment) -> None:
    factory.stock(environment, apis=5)
    results = at_once([partial(services.publish_state, environment.id)] * 4)
    assert Publication.objects.count() == 1
    assert sorted(result.is_new for result in results) == [False, False, False, True]


@pytest.mark.usefixtures("no_redis")
def test_publications_beyond_those_kept_go_with_their_fragments(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_KEEP_PUBLICATIONS", 2)
    version = factory.published_version("GET /0")
    for number in range(4):
        factory.changed_version(version, f"GET /{number}")
        services.publish(environment.id)
    Fragment.objects.update(created_at=timezone.now() - services._KEEP_FRAGMENTS * 2)
    assert services.forget_publications() == 2
    assert Publication.objects.count() == 2
    referred = {
        d for manifest in Publication.objects.values_list("manifest", flat=True) for d in manifest["fragments"].values()
    }
    assert set(Fragment.objects.values_list("digest", flat=True)) == referred
