"""The doors of gateways: what is new, at once or as soon as it is; reports; usage.

Promises C6.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from threading import enumerate as all_threads
from typing import Any

import pytest
from django.db import connections
from django.http.response import HttpResponseBase
from django.test import Client
from django.utils import timezone

from apim.gateways.joining import issue_join_token
from apim.gateways.models import Environment, Gateway, ToldBoot, Worker
from apim.gateways.services import AccessChange, EnrolledGateway, append_access, authenticate_gateway
from apim.gateways.standing import ask_for_rotation, is_clock_wrong, set_state
from apim.usage.models import UsageRecord, UsageRollup
from gateway_sync.delivery import access_log, services, views
from gateway_sync.delivery.places import Places
from gateway_sync.snapshot import decode
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, UsageBody, UsageCell, UsageContext, encode_body
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

FOR_EVER_S = 3600
Post = Callable[[str, object], HttpResponseBase]


@pytest.fixture
def gateway(environment: Environment) -> EnrolledGateway:
    return factory.enrolled_gateway(environment=environment)


@pytest.fixture
def post(gateway: EnrolledGateway) -> Iterator[Post]:
    client = Client(headers={"Authorization": f"Bearer {gateway.token}"})

    def send(door: str, body: object) -> HttpResponseBase:
        content = body if isinstance(body, bytes) else json.dumps(body)
        return client.post(f"/gateway/v1/{door}", content, content_type="application/json")

    yield send
    # Its connection must be closed before the database is emptied.
    wait_until(
        lambda: all(thread.name != "delivery-watch" for thread in all_threads()), "places are given back", pause_s=0.05
    )


def body_of(response: HttpResponseBase) -> Any:
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    response.close()
    return json.loads(content)


@pytest.mark.parametrize("door", ["sync", "report", "usage"])
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer apimgw_wrong", "Basic apimgw_wrong"])
def test_no_door_opens_without_a_token(client: Client, door: str, authorization: str) -> None:
    response = client.post(f"/gateway/v1/{door}", b"{}", "application/json", headers={"Authorization": authorization})
    assert (response.status_code, response.json()["code"]) == (401, "gateways.unauthenticated")


def test_a_new_token_voids_the_old_one(post: Post, gateway: EnrolledGateway) -> None:
    factory.enrolled_gateway(name=gateway.gateway.name)
    assert post("sync", {}).status_code == 401


def test_a_fresh_gateway_gets_everything(post: Post, environment: Environment) -> None:
    factory.published_version("GET /accounts")
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {"state": "active"})])
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "gone", None)])
    services.publish(environment.id)
    answer = body_of(post("sync", {"format": 1}))
    assert answer["environment"] == "default"
    assert answer["access"]["is_full"] is True
    assert answer["access"]["records"] == [["application", "app_1", {"state": "active"}]]
    assert answer["access"]["upto"] == 2
    names = answer["manifest"]["fragments"]
    snapshot = decode({name: answer["fragments"][wanted] for name, wanted in names.items()})
    assert snapshot.apis[0].versions[0].routes[0].id == "GET /accounts"


def test_fragments_that_the_gateway_has_are_not_sent_again(post: Post, environment: Environment) -> None:
    first, second = factory.published_version("GET /a"), factory.published_version("GET /b")
    services.publish(environment.id)
    before = body_of(post("sync", {}))
    factory.changed_version(second, "GET /c")
    services.publish(environment.id)
    ask = {"digest": before["manifest"]["digest"], "have": list(before["fragments"])}
    (fragment,) = body_of(post("sync", ask))["fragments"].values()
    assert second.api_id in fragment
    assert first.api_id not in fragment
    told = body_of(post("sync", ask | {"takes_changes": True}))
    assert (told["manifest"]["fragments"], list(told["change"]["changed"])) == ({}, [f"api:{second.api_id}"])
    of_another = body_of(post("sync", ask | {"takes_changes": True, "digest": "0" * 64}))
    assert (len(of_another["manifest"]["fragments"]), of_another["change"]) == (4, None)


def test_a_gateway_that_is_current_learns_nothing(post: Post, environment: Environment) -> None:
    services.publish(environment.id)
    digest = body_of(post("sync", {}))["manifest"]["digest"]
    answer = body_of(post("sync", {"digest": digest, "wait_s": 0.2}))
    assert (answer["manifest"], answer["fragments"], answer["access"]["records"]) == (None, {}, [])


def test_access_comes_in_pages_of_the_log(
    post: Post, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "PAGE", 2)
    factory.stock(environment, apis=0, access=5)
    seen, after, pages = [], 0, []
    while not pages or pages[-1]["more"]:
        pages.append(body_of(post("sync", {"access_seq": after}))["access"])
        seen += [key for _, key, _ in pages[-1]["records"]]
        after = pages[-1]["upto"]
    assert [(page["after"], page["upto"], page["is_full"]) for page in pages] == [
        (0, 2, True), (2, 4, False), (4, 5, False),
    ]  # fmt: skip
    assert len(set(seen)) == 5


def test_a_gateway_ahead_of_a_restored_database_starts_anew(post: Post, environment: Environment) -> None:
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {})])
    access = body_of(post("sync", {"access_seq": 99}))["access"]
    assert (access["is_full"], access["upto"], len(access["records"])) == (True, 1, 1)


@pytest.mark.parametrize("kind", ["state", "access"])
def test_a_waiting_request_answers_as_soon_as_something_is_new(
    post: Post, environment: Environment, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MAX_WAIT_S", FOR_EVER_S)  # it is news that ends the wait, or nothing does
    services.publish(environment.id)
    digest = body_of(post("sync", {}))["manifest"]["digest"]

    def change() -> None:
        time.sleep(0.5)
        if kind == "state":
            factory.published_version()
            services.publish(environment.id)
        else:
            append_access(environment_id=environment.id, changes=[AccessChange("credential", "ff", None)])
        connections.close_all()

    changer = Thread(target=change)
    changer.start()
    # A sequence number that is not 0: 0 asks for the full table, which is always news.
    answer = body_of(post("sync", {"digest": digest, "access_seq": 0, "wait_s": FOR_EVER_S}))
    changer.join()
    assert (answer["manifest"] is not None) == (kind == "state")
    assert len(answer["access"]["records"]) == 0
    assert answer["access"]["upto"] == (kind == "access")


def test_beyond_the_cap_a_gateway_is_told_when_to_come_back(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views._watch, "places", Places(1, each=1))
    waiting = post("sync", {"wait_s": 0.2})
    refused = post("sync", {"wait_s": 0.2})
    assert refused.status_code == 503
    assert 2 <= int(refused.headers["Retry-After"]) <= 5
    waiting.close()  # its client went away before reading
    assert body_of(post("sync", {"wait_s": 0.2}))["manifest"] is None


def test_few_gateways_at_a_time_are_told_everything_and_others_when_to_come_back(
    post: Post, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_access(environment_id=environment.id, changes=[AccessChange("application", "app_1", {"state": "active"})])
    services.publish(environment.id)
    monkeypatch.setattr(views, "_far_behind", Places(1, each=1))
    first = post("sync", {})
    refused = post("sync", {})
    assert (refused.status_code, refused.json()["code"]) == (503, "gateways.too_many_waiting")
    manifest = body_of(first)["manifest"]
    first.close()
    second = post("sync", {"digest": manifest["digest"], "access_seq": 1})  # knows nearly all: no place is asked for
    assert body_of(second)["manifest"] is None
    assert body_of(post("sync", {}))["manifest"] == manifest


def test_one_credential_holds_few_of_the_places(post: Post, environment: Environment) -> None:
    services.publish(environment.id)
    held = [post("sync", {}) for _ in range(2)]
    assert [answer.status_code for answer in held] == [200, 200]
    assert post("sync", {}).status_code == 503
    assert views._far_behind.take("another")
    views._far_behind.give_back("another")
    for answer in held:
        answer.close()
    assert (post("sync", {}).status_code, views._far_behind.taken) == (200, 1)


def test_a_report_is_kept_by_worker_and_a_slot_no_longer_named_is_forgotten(
    post: Post, gateway: EnrolledGateway
) -> None:
    worker = {"pid": 7, "boot": "b", "started_at": 1_700_000_000, "revision": 3, "digest": "d", "access_seq": 9}
    workers = [worker | {"slot": 0}, worker | {"slot": 1, "applied_at": 1_700_000_001.5}]
    report = {"software_version": "0.1", "host": "h", "is_push_connected": True, "workers": workers}
    assert body_of(post("report", report)) == {"is_draining": False, "is_rotating": False}
    assert list(Worker.objects.values_list("slot", "revision", "access_seq")) == [(0, 3, 9), (1, 3, 9)]
    body_of(post("report", report | {"workers": [worker | {"slot": 1, "revision": 4}]}))
    assert list(Worker.objects.values_list("slot", "revision")) == [(1, 4)]
    stored = Gateway.objects.get(id=gateway.gateway.id)
    assert (stored.is_push_connected, stored.host, stored.seen_at is not None) == (True, "h", True)


def test_what_lives_of_workers_counted_is_kept_from_reports_that_tell_it(post: Post, gateway: EnrolledGateway) -> None:
    body_of(post("report", {"workers": [], "boots": {"b": 7}}))
    body_of(post("report", {"workers": []}))
    assert list(ToldBoot.objects.values_list("gateway_id", "boot", "due")) == [(gateway.gateway.id, "b", 7)]


def test_usage_is_stored_and_acknowledged(post: Post) -> None:
    context = UsageContext("ver_1", "GET /accounts", "org_1", "app_1", "crd_1", "sub_1", "plv_1")
    at_s = int(time.time()) // 86_400 * 86_400
    record = FINAL_BODY.pack(9, 7, 200, 0, 4000, 3000, 0, 10) + ADMIT_HEAD.pack(9, at_s * 1_000_000, 1, 0)
    cell = UsageCell(at_s, "", "", 401, "unauthenticated", 3)
    body = UsageBody("b", 0, 7, 7, [""], {1: context}, [record + b"/accounts"], [cell], 1)
    for _ in range(2):
        assert body_of(post("usage", encode_body(body))) == {"acked_seq": 7}
    stored = UsageRecord.objects.get()
    assert (stored.request_id, stored.path, stored.trace[-1]) == ("b-00000009", "/accounts", ("upstream", "200"))
    assert dict(UsageRollup.objects.filter(period="day").values_list("status", "calls")) == {200: 1, 401: 3}


def test_calls_at_moments_that_cannot_be_count_at_the_moment_they_come_and_the_clock_is_noted(
    post: Post, gateway: EnrolledGateway
) -> None:
    context = UsageContext("ver_1", "GET /accounts", "org_1", "app_1", "crd_1", "sub_1", "plv_1")
    moments = (0, 4_000_000_000_000_000)  # 1970 and 2096
    records = [FINAL_BODY.pack(n, n, 200, 0, 9, 9, 0, 0) + ADMIT_HEAD.pack(n, moments[n - 1], 1, 0) for n in (1, 2)]
    body = UsageBody("b", 0, 1, 2, [""], {1: context}, records, [UsageCell(2**33 - 60, "", "", 401, "", 3)], 1)
    for _ in range(2):
        assert body_of(post("usage", encode_body(body))) == {"acked_seq": 2}
    today = timezone.now() - timedelta(days=1)
    assert UsageRecord.objects.filter(at__gte=today).count() == UsageRecord.objects.count() == 2
    assert sum(UsageRollup.objects.filter(period="day", at__gte=today).values_list("calls", flat=True)) == 5
    assert not UsageRollup.objects.filter(at__gt=timezone.now()).exists()
    stored = Gateway.objects.get(pk=gateway.gateway.pk)
    assert is_clock_wrong(stored, timezone.now())
    assert abs(stored.clock_off_s) > 50 * 365 * 86_400


@pytest.mark.parametrize(
    ("door", "content"),
    [
        ("sync", b"nonsense"),
        ("sync", b'{"access_seq": "x"}'),
        ("sync", b"\xff\xfe"),
        ("sync", b'{"format": 99}'),
        ("report", b'{"workers": [{"slot": "x"}]}'),
        ("usage", b'{"boot": "b"}'),
        ("usage", encode_body(UsageBody("b", 0, 1, 1, records=[b"short"]))),
    ],
)
def test_a_body_of_another_shape_is_refused(post: Post, door: str, content: bytes) -> None:
    assert post(door, content).status_code == 400


def ask_to_join(secret: str, body: object) -> HttpResponseBase:
    return Client().post(
        "/gateway/v1/join", data=body, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )


def test_who_joins_gets_credentials_that_open_the_other_doors(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    answer = ask_to_join(issued.secret, {"nonce": "n" * 32})
    given = json.loads(answer.content)  # type: ignore[attr-defined]
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert sorted(given) == ["environment", "pepper", "sealing_key", "token", "verify_key"]
    assert authenticate_gateway(given["token"]) == Gateway.objects.get(name="eu-1")


@pytest.mark.parametrize(
    ("secret", "body", "status"),
    [
        ("apimjoin_made-up", {"nonce": "n" * 32}, 401),
        ("", [], 401),
        ("apimjoin_made-up", {"nonce": "short"}, 400),
        ("apimjoin_made-up", {"nonce": ["n" * 32]}, 400),
        ("apimjoin_made-up", [], 400),
    ],
    ids=["unknown", "none", "short", "list", "no-object"],
)
@pytest.mark.usefixtures("environment")
def test_who_must_not_join_is_told_why(secret: str, body: object, status: int) -> None:
    answer = ask_to_join(secret, body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not Gateway.objects.exists()


def test_a_gateway_in_quarantine_is_sent_access_changes_and_no_state(gateway: EnrolledGateway, post: Post) -> None:
    services.publish(gateway.gateway.environment_id)
    set_state(gateway=gateway.gateway, state=Gateway.State.QUARANTINED, by=TESTER, reason="odd answers")
    append_access(
        environment_id=gateway.gateway.environment_id, changes=[AccessChange("credential", "k", {"id": "cred_1"})]
    )
    told = body_of(post("sync", {}))
    assert told["manifest"] is None
    assert told["access"]["records"]


def test_a_report_is_answered_by_orders_and_a_credential_is_handed_over(gateway: EnrolledGateway, post: Post) -> None:
    ask_for_rotation(gateway=gateway.gateway, by=TESTER)
    assert body_of(post("report", {"workers": []})) == {"is_draining": False, "is_rotating": True}
    token = body_of(post("credential", {}))["token"]
    assert authenticate_gateway(gateway.token) is not None
    assert authenticate_gateway(token) == gateway.gateway
    assert authenticate_gateway(gateway.token) is None


def test_a_gateway_of_another_format_is_told_so_and_shown_until_it_speaks_ours(
    gateway: EnrolledGateway, post: Post
) -> None:
    refused = post("sync", {"format": 7})
    assert (refused.status_code, body_of(refused)["code"]) == (400, "gateways.unknown_format")
    gateway.gateway.refresh_from_db()
    assert gateway.gateway.refused_format == 7
    assert post("sync", {"format": 1, "formats": [8, 7]}).status_code == 400
    gateway.gateway.refresh_from_db()
    assert gateway.gateway.refused_format == 8
    post("sync", {"format": 1, "formats": [2, 1]}).close()
    gateway.gateway.refresh_from_db()
    assert gateway.gateway.refused_format == 0
