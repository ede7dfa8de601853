"""What gateways tell of their hosts: each family of codes by its own check with its own mend, and by no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from apim.gateways.models import Environment, Gateway, Worker
from apim.platform.health import fleet, stores, told
from apim.platform.health.verdicts import Colour
from apim.platform.lagging import note_lags
from tests.factories import gateways as gateways_factory

LOOKS = {
    "state": fleet.gateways,
    "usage": told.usage,
    "disks": told.disks,
    "updates": told.updates,
    "limits": told.limits,
    "workers": told.workers,
}


def worker_with(environment: Environment, *codes: str) -> Worker:
    """A worker of a gateway that is heard from, with these problems."""
    gateway = gateways_factory.enrolled_gateway(environment=environment, name="edge").gateway
    now = timezone.now()
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=now)
    problems = [{"code": code, "message": "why", "revision": 0} for code in codes]
    return Worker.objects.create(
        gateway=gateway, slot=0, pid=1, boot="b", started_at=now - timedelta(minutes=5), seen_at=now, problems=problems
    )


@pytest.mark.parametrize(
    ("code", "family", "colour", "command"),
    [
        ("generation.E001", "state", Colour.RED, ""),
        ("policy.E007", "state", Colour.RED, ""),
        ("spool.E001", "usage", Colour.AMBER, "df -h"),
        ("spool.E002", "usage", Colour.RED, "df -h"),
        ("spool.E006", "usage", Colour.RED, "df -h"),
        ("spool.E003", "usage", Colour.AMBER, "dmesg"),
        ("spool.E004", "usage", Colour.RED, "journalctl -u apim-gateway"),
        ("spool.E005", "disks", Colour.RED, "dmesg"),
        ("disk.E001", "disks", Colour.RED, "df -h"),
        ("update.E002", "disks", Colour.RED, "df -h"),
        ("update.E001", "updates", Colour.RED, "journalctl -u apim-gateway"),
        ("access.E001", "updates", Colour.RED, "python manage.py resume_after_restore"),
        ("access.E002", "updates", Colour.RED, "journalctl -u apim-gateway"),
        ("access.E003", "updates", Colour.AMBER, ""),
        ("access.E004", "updates", Colour.RED, "journalctl -u apim-gateway"),
        ("limits.E001", "limits", Colour.AMBER, ""),
        ("limits.E002", "limits", Colour.AMBER, ""),
        ("worker.E001", "workers", Colour.AMBER, "journalctl -u apim-gateway"),
    ],
)
def test_each_code_is_told_by_the_check_of_its_family_alone(
    environment: Environment, code: str, family: str, colour: Colour, command: str
) -> None:
    worker_with(environment, code)

    verdicts = {name: look() for name, look in LOOKS.items()}

    assert {name for name, verdict in verdicts.items() if verdict.colour is not Colour.GREEN} == {family}
    verdict = verdicts[family]
    assert (verdict.colour, verdict.command) == (colour, command)
    assert "edge" in verdict.text
    assert verdict.page


def test_of_several_problems_of_a_family_the_gravest_has_the_mend_and_all_are_told(environment: Environment) -> None:
    worker_with(environment, "spool.E001", "spool.E003", "spool.E002")

    verdict = told.usage()

    assert (verdict.colour, verdict.command) == (Colour.RED, "df -h")
    assert [words in verdict.text for words in ("503", "more than half", "*.torn")] == [True] * 3


def test_a_gateway_whose_spool_fills_does_not_lag_and_one_that_cannot_take_updates_does(
    environment: Environment,
) -> None:
    worker = worker_with(environment, "spool.E001")
    assert note_lags(timezone.now()) == 0
    worker.problems = [{"code": "update.E001"}]
    worker.save()
    assert note_lags(timezone.now()) == 1


def test_a_redis_that_evicts_or_forgets_is_told_with_the_order_that_mends_it(redis: Redis) -> None:
    before = {name: redis.config_get(name)[name] for name in ("maxmemory-policy", "appendonly")}
    try:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        verdict = stores.redis_keeping()
        assert (verdict.colour, "allkeys-lru" in verdict.text) == (Colour.RED, True)
        assert verdict.command.endswith("CONFIG SET maxmemory-policy noeviction")
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("appendonly", "no")
        verdict = stores.redis_keeping()
        assert verdict.colour is Colour.AMBER
        assert verdict.command.endswith("CONFIG SET appendonly yes")
        redis.config_set("appendonly", "yes")
        assert stores.redis_keeping().colour is Colour.GREEN
    finally:
        for name, value in before.items():
            redis.config_set(name, value)


@pytest.mark.usefixtures("no_redis")
def test_what_a_dead_redis_keeps_is_not_known() -> None:
    assert stores.redis_keeping().colour is Colour.RED
