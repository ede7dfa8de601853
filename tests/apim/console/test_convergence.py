"""How gateways stand against what was published."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import User
from apim.console.convergence import fleet_of
from apim.gateways.models import Environment, Gateway, Worker
from apim.gateways.standing import CLOCK_TOLD_FOR, note_clock
from gateway_sync.delivery.models import Publication
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest

RUNS, OTHER = "a" * 64, "b" * 64


@pytest.mark.django_db
@pytest.mark.parametrize(("digest", "state"), [(RUNS, "current"), (OTHER, "behind")])
def test_a_worker_is_current_when_the_newest_revision_changed_nothing_for_it(digest: str, state: str) -> None:
    gateway = enrolled_gateway().gateway
    Environment.objects.update(revision=22, published_revision=22, published_access_seq=0)
    Publication.objects.create(environment=gateway.environment, revision=21, digest=RUNS, manifest={})
    Publication.objects.create(environment=gateway.environment, revision=22, digest=digest, manifest={})
    now = timezone.now()
    Worker.objects.create(
        gateway=gateway, slot=0, pid=1, boot="x", revision=21, digest=RUNS, started_at=now, seen_at=now
    )

    view = fleet_of(list(Gateway.objects.select_related("environment").prefetch_related("workers")), now)[0]
    assert [each.state for each in view.workers] == [state]
    assert view.runs_an_equal_one == (state == "current")


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "state"), [("limits.E001", "current"), ("generation.E001", "refused")])
def test_a_worker_that_cannot_ask_others_of_limits_refuses_no_state(code: str, state: str) -> None:
    gateway, now = enrolled_gateway().gateway, timezone.now()
    Environment.objects.update(revision=1, published_revision=1, published_access_seq=0)
    problems = [{"code": code, "message": "It is so."}]
    Worker.objects.create(
        gateway=gateway,
        slot=0,
        pid=1,
        boot="x",
        revision=1,
        digest=RUNS,
        started_at=now,
        seen_at=now,
        problems=problems,
    )
    view = fleet_of(list(Gateway.objects.select_related("environment").prefetch_related("workers")), now)[0]
    assert [each.state for each in view.workers] == [state]


@pytest.mark.django_db
def test_draining_the_last_of_a_kind_is_warned_of(client: Client, admin: User) -> None:
    edge, plain = (enrolled_gateway(name=name).gateway for name in ("edge", "plain"))
    Gateway.objects.filter(pk=edge.pk).update(group="edge")
    client.force_login(admin)

    def asked() -> str:
        return client.get(f"/console/admin/gateways/{edge.name}/state/draining").content.decode()

    assert "No other gateway of Default is ready" in asked()
    Gateway.objects.update(seen_at=timezone.now())
    assert "No other gateway of group edge is ready" in asked()
    Gateway.objects.filter(pk=plain.pk).update(group="edge")
    assert "is ready:" not in asked()


@pytest.mark.django_db
def test_a_worker_that_tries_a_publication_is_shown_apart() -> None:
    gateway, now = enrolled_gateway().gateway, timezone.now()
    Environment.objects.update(revision=22, published_revision=22, published_access_seq=0)
    Publication.objects.create(environment=gateway.environment, revision=21, digest=RUNS, manifest={})
    Publication.objects.create(
        environment=gateway.environment, revision=22, digest=OTHER, manifest={},
        stage=Publication.Stage.TRIAL, trial_in_worker=True, trial_gateways=[gateway.pk],
    )  # fmt: skip
    for slot, (revision, digest) in enumerate([(21, RUNS), (22, OTHER)]):
        Worker.objects.create(
            gateway=gateway, slot=slot, pid=1, boot="x", revision=revision, digest=digest, started_at=now, seen_at=now
        )
    view = fleet_of(list(Gateway.objects.select_related("environment").prefetch_related("workers")), now)[0]
    assert [(each.state, each.is_trying) for each in view.workers] == [("current", False), ("current", True)]


@pytest.mark.django_db
def test_the_card_of_a_gateway_tells_its_own_calls_of_a_day(client: Client, admin: User) -> None:
    one, other = (enrolled_gateway(name=name).gateway for name in ("one", "other"))
    now = timezone.now()
    ingest(gateway=one, batch=batch(*(event(seq, at=now, status=status) for seq, status in ((1, 200), (2, 502)))))
    ingest(gateway=one, batch=batch(event(3, at=now, status=429, code="rate-limited")))
    ingest(gateway=one, batch=batch(event(4, at=now - timedelta(hours=25))))
    ingest(gateway=other, batch=batch(event(1, at=now)))
    client.force_login(admin)
    page = client.get("/console/admin/gateways").content.decode()
    assert page.count("3 (1 refused, 1 failed)") == page.count("1 (0 refused, 0 failed)") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("off_s", "words"), [(90 * 86_400, "90 d ahead"), (-90 * 86_400, "90 d behind")])
def test_the_card_of_a_gateway_says_how_far_its_clock_is_off(
    client: Client, admin: User, off_s: int, words: str
) -> None:
    note_clock(enrolled_gateway().gateway, off_s, timezone.now())
    client.force_login(admin)
    page = client.get("/console/admin/gateways").content.decode()
    assert f"Its clock was {words}" in page
    Gateway.objects.update(clock_wrong_at=timezone.now() - CLOCK_TOLD_FOR)
    assert "Its clock was" not in client.get("/console/admin/gateways").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("most_s", "is_told"), [(900, True), (7200, False), (0, False)])
def test_a_gateway_that_is_cut_off_for_too_long_is_said_to_refuse_keys(
    client: Client, admin: User, most_s: int, is_told: bool
) -> None:
    gateway = enrolled_gateway().gateway
    Environment.objects.update(max_revocation_age_s=most_s)
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=timezone.now() - timedelta(hours=1))
    client.force_login(admin)
    page = client.get("/console/admin/gateways").content.decode()
    assert ("it refuses calls that need a key" in page) == is_told
