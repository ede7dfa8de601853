"""When leases may be granted anew: all that was used is said, by hosts or by the mirror of what they were granted.

Promises R5, B3.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from apim.audit.actor import Actor
from apim.gateways.joining import remove_gateway
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import EnrolledGateway, enroll_gateway
from gateway_sync.delivery.limits import SILENT, forget_old_limits, limits_in, note_limits, sharing_gateways
from gateway_sync.delivery.models import LimitCount, LimitHost
from gateway_sync.delivery.relaying import MOST_BYTES, relayed_host
from gateway_sync.runtime.lease_scripts import TOTAL, Names
from gateway_sync.runtime.lease_words import Declare, Enter, Look, Word

pytestmark = pytest.mark.django_db

BY = Actor("user", "usr_1", "someone")
CELL = "00" * 16


@pytest.fixture
def redis(shared_redis: Redis) -> Redis:
    return shared_redis


@pytest.fixture
def gateways() -> list[Gateway]:
    """Two gateways of one environment."""
    environment = Environment.objects.create(name="leases")
    return [enroll_gateway(environment=environment, name=name, by=BY).gateway for name in ("one", "two")]


def report(gateway: Gateway, state: str, counts: Sequence[tuple[str, int, int, int, int]] = ()) -> None:
    """What the gateway's host says of limits."""
    limits = {"host": f"host-{gateway.name}", "state": state, "epoch": "", "counts": counts}
    note(gateway, limits)


def note(gateway: Gateway, limits: Mapping[str, object]) -> None:
    """The gateway's report says this of limits."""
    told = limits_in(msgspec.json.encode({"workers": [], "limits": limits}))
    assert told is not None
    note_limits(gateway, told)


def begin(redis: Redis, names: Names, *declared: Gateway, age_s: int = 0) -> str:
    """An epoch that waits to be opened, in which some have said what they used."""
    opening = f"run.{int(time.time()) - age_s}.x"
    redis.set(names.opening, opening)
    for gateway in declared:
        redis.sadd(names.declared(opening), f"host-{gateway.name}")
    return opening


def test_a_second_gateway_makes_limits_shared_and_a_removed_one_still_counts(gateways: list[Gateway]) -> None:
    one, two = gateways
    environment = Environment.objects.get(pk=one.environment_id)
    assert environment.revision == 1  # it was published anew for the second gateway, not for the first
    assert sharing_gateways(environment, "default") == 2
    report(two, "shared")
    remove_gateway(gateway=two, by=BY)
    assert sharing_gateways(environment, "default") == 2
    LimitHost.objects.all().delete()
    assert sharing_gateways(environment, "default") == 0


def test_grants_begin_when_every_host_has_said_what_it_used(redis: Redis, gateways: list[Gateway]) -> None:
    one, two = gateways
    names = Names("leases")
    report(one, "shared")
    report(two, "shared")
    opening = begin(redis, names, one)
    report(one, "waiting")
    assert redis.get(names.epoch) is None
    redis.sadd(names.declared(opening), "host-two")
    report(two, "waiting")
    assert redis.get(names.epoch) == opening.encode()


def test_who_still_counts_alone_is_waited_for_and_who_must_is_not(redis: Redis, gateways: list[Gateway]) -> None:
    one, two = gateways
    names = Names("leases")
    report(two, "joining")
    begin(redis, names, one, age_s=60)
    report(one, "waiting")
    assert redis.get(names.epoch) is None
    report(two, "alone")
    opening = begin(redis, names, one)
    report(one, "waiting")
    assert redis.get(names.epoch) == opening.encode()


def test_for_a_silent_host_the_mirror_speaks_once_its_leases_have_run_out(
    redis: Redis, gateways: list[Gateway]
) -> None:
    one, two = gateways
    names = Names("leases")
    ends = int(time.time()) + 3600
    report(two, "shared", [(CELL, 6, 0, 120, ends)])
    report(two, "shared", [(CELL, 6, 0, 200, ends), (CELL, 2, 0, 7, 1)])
    begin(redis, names, one)
    report(one, "waiting")
    assert redis.get(names.epoch) is None
    opening = begin(redis, names, one, age_s=int(SILENT.total_seconds()) + 1)
    report(one, "waiting")
    assert redis.get(names.epoch) == opening.encode()
    kept = redis.hgetall(names.count(opening, bytes(16), 6, 0))
    assert kept == {b"host-two": b"200", TOTAL.encode(): b"200"}
    assert forget_old_limits(timezone.now()) == 1
    assert LimitCount.objects.count() == 1


@pytest.mark.parametrize(
    "lie",
    [
        ("zz" * 16, 6, 0, 1, 1),
        (CELL, -1, 0, 1, 1),
        (CELL, 70_000, 0, 1, 1),
        (CELL, 6, 0, -5, 1),
        (CELL, 6, 0, 2**63, 1),
        (CELL, 6, 2**63, 1, 1),
        (CELL, 6, 0, 1, -(2**62)),
    ],
    ids=["cell", "before", "behind", "negative", "many", "start", "end"],
)
def test_a_gateway_that_reports_nonsense_is_refused_and_keeps_grants_from_nobody(
    redis: Redis, gateways: list[Gateway], lie: tuple[str, int, int, int, int]
) -> None:
    one, two = gateways
    report(one, "shared")
    with pytest.raises(ValueError, match="Expected"):
        report(two, "shared", [lie])
    opening = begin(redis, Names("leases"), one, age_s=int(SILENT.total_seconds()) + 1)
    report(one, "waiting")
    assert redis.get(Names("leases").epoch) == opening.encode()


def test_a_host_is_not_named_like_the_sum_and_a_count_told_twice_is_one(gateways: list[Gateway]) -> None:
    one, _ = gateways
    limits = {"host": TOTAL, "state": "shared", "counts": []}
    with pytest.raises(ValueError, match="regex"):
        note(one, limits)
    report(one, "shared", [(CELL, 6, 0, 5, 2**40), (CELL, 6, 0, 9, 2**40)])
    assert LimitCount.objects.get().granted == 9


DISK = "0123456789abcdef"


def say(gateway: EnrolledGateway, *words: Word, **fields: object) -> tuple[int, object]:
    """What the door of those that do not reach Redis answers: (status, answers, or the code of the problem)."""
    body = {"environment": "leases", "disk": DISK, "words": words} | fields
    return send(gateway.token, msgspec.msgpack.encode(body))


def send(token: str, content: bytes) -> tuple[int, object]:
    """The same for any body."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post("/gateway/v1/limits", content, "application/msgpack", headers=headers)
    is_answered = answer.status_code == 200
    return answer.status_code, msgspec.msgpack.decode(answer.content) if is_answered else answer.json()["code"]


@pytest.fixture
def enrolled(redis: Redis) -> list[EnrolledGateway]:
    """Two gateways of one environment that do not reach Redis."""
    environment = Environment.objects.create(name="leases")
    return [enroll_gateway(environment=environment, name=name, by=BY) for name in ("one", "two")]


def test_for_a_gateway_that_does_not_reach_redis_its_words_are_said_there(
    redis: Redis, enrolled: list[EnrolledGateway]
) -> None:
    run = redis.info("server")["run_id"].encode()
    assert say(enrolled[0], Enter()) == (200, [[run, 1]])
    assert say(enrolled[0], Look(), Enter()) == (200, [[None, None], [run, 2]])


def test_no_gateway_speaks_for_another(redis: Redis, enrolled: list[EnrolledGateway]) -> None:
    one, two = enrolled
    names, ends = Names("leases"), int(time.time()) + 3600
    hosts = [relayed_host(each.gateway.name, DISK).encode() for each in enrolled]
    assert say(one, Declare("run.1.x", bytes(16), 6, 0, 5, ends))[0] == 200
    assert say(two, Declare("run.1.x", bytes(16), 6, 0, 7, ends), host=hosts[0].decode())[0] == 200
    assert redis.hgetall(names.count("run.1.x", bytes(16), 6, 0)) == {hosts[0]: b"5", hosts[1]: b"7", b"total": b"12"}
    with pytest.raises(ValueError, match="host"):
        note(two.gateway, {"host": hosts[0].decode(), "state": "shared"})


def test_of_another_environment_nothing_is_said(redis: Redis, enrolled: list[EnrolledGateway]) -> None:
    Environment.objects.create(name="other")
    assert say(enrolled[0], Enter(), environment="other") == (403, "gateways.other_environment")
    assert say(enrolled[0], Enter(), environment="}:x") == (403, "gateways.other_environment")
    assert not redis.keys("*")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense", 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": "one", "words": [["Look"]]}), 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": DISK, "words": []}), 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": DISK, "words": [["Look"]] * 501}), 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": DISK, "words": [["FLUSHALL"]]}), 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": DISK, "words": [["Declared", "a:b"]]}), 400),
        (msgspec.msgpack.encode({"environment": "leases", "disk": DISK, "words": [["Meet", "zz"]]}), 400),
        (
            msgspec.msgpack.encode(
                {"environment": "leases", "disk": DISK, "words": [["Declare", "r.1.x", bytes(16), 6, 0, -5, 9]]}
            ),
            400,
        ),
        (bytes(MOST_BYTES + 1), 413),
    ],
    ids=["nonsense", "disk", "none", "many", "word", "epoch", "asked", "negative", "large"],
)
def test_what_is_not_said_in_words_is_refused(
    redis: Redis, enrolled: list[EnrolledGateway], content: bytes, status: int
) -> None:
    assert send(enrolled[0].token, content)[0] == status
    assert not redis.keys("*")


def test_who_is_unknown_is_refused_and_without_redis_that_is_told(
    enrolled: list[EnrolledGateway], settings: Settings
) -> None:
    assert send("apimgw_made-up", b"") == (401, "gateways.unauthenticated")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert say(enrolled[0], Enter()) == (503, "gateways.limits_unavailable")


def test_a_host_that_came_to_reach_redis_is_known_once(redis: Redis, gateways: list[Gateway]) -> None:
    told = {"host": DISK, "state": "shared", "counts": [(CELL, 6, 0, 120, int(time.time()) + 3600)]}
    for is_relayed, name in ((True, relayed_host("one", DISK)), (False, DISK), (True, relayed_host("one", DISK))):
        note(gateways[0], told | {"is_relayed": is_relayed})
        assert [host.name for host in LimitHost.objects.all()] == [name]
        assert LimitCount.objects.count() == 1
