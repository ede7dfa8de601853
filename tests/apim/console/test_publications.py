"""Going back to a publication: what the pages show first, what REST and the pages do, and how loudly it is told."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.console.reasons import reason_words
from apim.console.returning import comes_back
from apim.gateways.environments import create_environment
from apim.gateways.models import Environment
from gateway_sync.delivery import reports, services
from gateway_sync.delivery.differences import Change, Field
from gateway_sync.delivery.models import Pin, Publication
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])


@pytest.fixture
def client(environment: Environment, admin: User) -> Client:
    version = factory.published_version("GET /old", name="bank")
    services.publish(environment.id)
    factory.changed_version(version, "GET /new")
    services.publish(environment.id)
    client = Client()
    client.force_login(admin)
    return client


def test_states_of_all_environments_are_listed_by_the_time_they_were_sent(
    client: Client, environment: Environment
) -> None:
    staging = create_environment(name="staging", display_name="Staging", by=TESTER)
    services.publish(staging.id)
    listed = client.get("/console/admin/publications").context["rows"]
    assert [row.environment.name for row in listed] == ["staging", "default", "default"]


def test_an_admin_sees_the_difference_goes_back_and_releases(client: Client, environment: Environment) -> None:
    newer, older = reports.history(environment)
    listed = client.get("/console/admin/publications?environment=default").content.decode()
    assert "in Default was deployed" in listed
    assert "Go back to this" in client.get(f"/console/admin/publications/{older.id}").content.decode()
    assert "Hold it here" in client.get(f"/console/admin/publications/{newer.id}").content.decode()
    holding = client.get(f"/console/admin/publications/{newer.id}/go-back").content.decode()
    assert "Hold Default at publication" in holding, "who holds is not asked whether to go back"
    page = f"/console/admin/publications/{older.id}/go-back"
    shown = client.get(page)
    assert "bank v1 GET /old" in shown.content.decode()
    seen = shown.context["form"].initial["seen"]
    assert client.post(page, {"seen": seen, "reason": ""}).status_code == 422
    assert client.post(page, {"seen": seen - 1, "reason": "callers fail"}).status_code == 422
    assert not Pin.objects.exists()
    assert client.post(page, {"seen": seen, "reason": "callers fail"}).status_code == 302
    assert AuditEvent.objects.filter(action="environment.roll_back", reason="callers fail").exists()
    assert "is held at publication" in client.get("/console/").content.decode(), "told on every page"
    services.publish(environment.id)

    page = "/console/admin/environments/default/release"
    shown = client.get(page)
    assert "bank v1 GET /new" in shown.content.decode()
    data = {"seen": shown.context["form"].initial["seen"], "reason": "mended"}
    assert client.post(page, data).status_code == 302
    assert not Pin.objects.exists()
    assert "is not held" in client.get(page).content.decode()


WORSE = (
    "The trial of publication 17 failed: edge: Revision 17 was refused on trial: of 21 calls of bank v1 the worker"
    " on trial refused 20 or answered them with 5xx, where 0 were to be expected by the workers beside it."
)
WORSE_IN_WORDS = (
    "The trial of publication 17 failed at gateway edge: of 21 calls of bank v1 its worker on trial refused 20 or"
    " answered them with 5xx, where 0 were to be expected by its other workers"
)


WORSE_GATEWAYS = (
    "The trial of publication 17 failed: of 21 calls of bank v1 the gateways on trial refused 20 or answered them with"
    " 5xx, where 0 were to be expected by the others"
)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("", ""),
        ("product.create Payments", "Product Payments was added"),
        ("version.block bank v1; plan.update Gold +2", "bank v1 was blocked; Plan Gold was changed; and 2 more"),
        ("demo.on living demo; api.create Pay", "The demo was switched on; API Pay was added"),
        (
            "The trial of publication 4 failed: gw-1 refused it: why.",
            "The trial of publication 4 failed: gw-1 refused it: why",
        ),
        (WORSE, WORSE_IN_WORDS),
        (WORSE_GATEWAYS, WORSE_GATEWAYS),
        ("callers fail since 43; look at product.create", "callers fail since 43; look at product.create"),
        ("unheard.of thing +1", "unheard.of thing +1"),
    ],
)
def test_acts_are_told_in_words_and_what_people_wrote_as_it_is(kept: str, told: str) -> None:
    assert reason_words(kept) == told


def test_what_was_narrowed_since_is_said_before_it_comes_back() -> None:
    networks = Field("allowed_networks", '["10.0.0.0/8"]', '["10.0.0.0/8", "127.0.0.0/8"]')
    changes = (
        Change("environment", "default", "changed", (networks,)),
        Change("api", "old", "added"),
        Change("api", "new", "removed"),
        Change("host", "api.example.com", "changed", (Field("api", "new", "old"),)),
    )
    assert comes_back(changes) == (
        "Upstreams may live in the networks of then again: 10.0.0.0/8, 127.0.0.0/8.",
        "APIs that are archived or gone by now answer again: old.",
        "Hosts are those of then again: api.example.com.",
    )
    assert comes_back(changes[2:3]) == ()


def test_a_program_goes_back_too(client: Client, environment: Environment) -> None:
    newer, older = reports.history(environment)
    url, kind = "/api/v1/environments/default", "application/json"
    dry = client.post(f"{url}/rollback", {"revision": older.revision, "dry_run": True}, kind).json()
    assert (dry["seen"], dry["is_done"]) == (newer.revision, False)
    assert {"added", "removed"} <= {change["action"] for change in dry["changes"]}
    assert client.post(f"{url}/rollback", {"revision": 999, "reason": "x"}, kind).status_code == 404
    assert client.post(f"{url}/rollback", {"revision": older.revision}, kind).status_code == 400
    done = client.post(f"{url}/rollback", {"revision": older.revision, "reason": "r", "seen": dry["seen"]}, kind)
    assert done.json()["is_done"] is True
    assert client.get(url).json()["held"]["reason"] == "r"
    services.publish(environment.id)
    assert client.get("/api/v1/publications").json()["data"][0]["cause"] == Publication.Cause.ROLLBACK
    assert client.post(f"{url}/release", {"reason": "mended"}, kind).json()["is_done"] is True
    assert client.get(url).json()["held"] is None


def test_what_cannot_be_gone_back_to_is_said_without_a_button(client: Client, environment: Environment) -> None:
    lost = Publication.objects.create(
        environment=environment, revision=environment.revision + 100, digest="0" * 64, manifest={}
    )
    shown = client.get(f"/console/admin/publications/{lost.id}/go-back")
    assert shown.status_code == 200
    assert "no longer kept" in shown.content.decode()
