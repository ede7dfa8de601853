"""Streams that tell pages what changed: who may listen to what, how many, and that nothing is missed in between."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.live_server_helper import LiveServer

from apim.accounts.models import Organization, User
from apim.console.convergence import fleet_of, gateways_of
from apim.gateways.models import Worker
from apim.live import views, watching
from apim.live.subjects import Subject, parse, permitted, read_marks
from apim.live.watching import Watch
from apim.notifications.models import Notification
from apim.products.services import create_meter
from tests.conftest import LogIn
from tests.factories import access, accounts
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest
from tests.waiting import PATIENCE_S, wait_until

Listen = tuple[httpx.Response, Iterator[str]]


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that end at once when there is nothing to tell."""
    monkeypatch.setattr(views, "LIFE_S", 0.0)


def told(client: Client, *on: str, last: str = "") -> list[str]:
    """What a stream of no length says has changed."""
    answer = client.get("/live", {"on": on}, headers={"Last-Event-ID": last} if last else {})
    assert answer.status_code == 200
    body = answer.getvalue().decode()
    answer.close()
    return [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]


def notify(user: User, cause: str) -> None:
    """One notice more under the bell."""
    Notification.objects.create(user=user, kind="version", cause=cause, title="News")


@contextmanager
def stream(server: LiveServer, client: Client, query: str) -> Iterator[Listen]:
    """A stream of the running server, by the cookies of a logged-in client."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    with (
        httpx.Client(base_url=server.url, cookies=cookies, timeout=PATIENCE_S, trust_env=False) as browser,
        browser.stream("GET", f"/live?{query}") as response,
    ):
        yield response, response.iter_lines()


def wait_for(lines: Iterator[str], wanted: str) -> None:
    """Reads until the line comes."""
    assert any(line == wanted for line in lines), f"the stream ended without {wanted}"


def is_watched() -> bool:
    """True while a thread reads for those who listen."""
    return any(each.name == "live-watch" for each in threading.enumerate())


def has_place(watch: Watch) -> bool:
    """True when somebody else could listen to a bell."""
    listener = watch.enter("somebody", frozenset({Subject("bell", "somebody")}))
    if listener is not None:
        watch.leave(listener)
    return listener is not None


@pytest.fixture
def beating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that notice within a moment that their reader has gone, and outlast a busy machine until then."""
    monkeypatch.setattr(views, "LIFE_S", PATIENCE_S)
    monkeypatch.setattr(views, "BEAT_S", 0.1)


@pytest.mark.usefixtures("beating")
@pytest.mark.django_db(transaction=True)
def test_a_change_reaches_those_who_listen_at_a_running_server(
    live_server: LiveServer, log_in: LogIn, developer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = f"bell:{developer.pk}"
    watch = Watch(limit=2, each=2)  # of which one place is for the bell
    monkeypatch.setattr(views, "_watch", watch)
    with stream(live_server, log_in(developer), f"on={bell}~0") as (response, lines):
        assert response.headers["Content-Type"] == "text/event-stream"
        assert next(lines).startswith("retry: ")
        notify(developer, "first")
        wait_for(lines, f"id: {bell}~1")
        wait_for(lines, f"data: {bell}")
    # Both the stream and the thread that reads for it end once nobody listens. In this order: a stream starts threads.
    wait_until(lambda: has_place(watch), "the place is given back")
    wait_until(lambda: not is_watched(), "the watch ends")


@pytest.mark.usefixtures("beating", "environment")
@pytest.mark.django_db(transaction=True)
def test_calls_that_are_counted_reach_who_looks_at_a_meter(
    live_server: LiveServer, log_in: LogIn, owner: User, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Subject("meter", create_meter(organization=acme, name="sums", definition={}, by=accounts.TESTER).pk)
    gateway = enrolled_gateway().gateway
    monkeypatch.setattr(views, "_watch", Watch(limit=2, each=2))
    with stream(live_server, log_in(owner), f"on={meter}~{read_marks([meter])[meter]}") as (_, lines):
        assert next(lines).startswith("retry: ")
        ingest(gateway=gateway, batch=batch(event(1)))
        wait_for(lines, f"data: {meter}")
    wait_until(lambda: not is_watched(), "the watch ends")


@pytest.mark.usefixtures("brief", "environment")
@pytest.mark.django_db(transaction=True)  # streams give their database connection back
def test_what_changed_between_two_streams_is_told_by_the_second(
    log_in: LogIn, developer: User, admin: User, acme: Organization
) -> None:
    bell = f"bell:{developer.pk}"
    client = log_in(developer)
    assert told(client, f"{bell}~0") == []
    notify(developer, "meanwhile")
    assert told(client, f"{bell}~0") == [bell]
    assert told(client, f"{bell}~0", last=f"{bell}~1") == []
    # A page that does not say what it shows is told once, since something may have happened since it was made.
    assert told(log_in(admin), "fleet") == ["fleet"]
    mark = read_marks([Subject("fleet")])[Subject("fleet")]
    assert told(log_in(admin), "fleet", last=f"fleet~{mark}") == []


@pytest.mark.usefixtures("environment")
def test_each_person_listens_to_what_they_may_see(developer: User, admin: User, owner: User, other_owner: User) -> None:
    application = access.application(of=developer.organizations.get())
    asked = [Subject("application", application.pk), Subject("bell", developer.pk), Subject("fleet"), Subject("jobs")]
    strange = [Subject("nothing"), Subject("application", "app_none"), Subject("jobs", "x")]
    assert permitted(developer, [*asked, *strange]) == set(asked[:2])
    assert permitted(other_owner, asked) == permitted(owner, asked) == {Subject("fleet")}
    assert permitted(admin, asked) == {asked[0], *asked[2:]}


@pytest.mark.parametrize(("age_s", "is_silent"), [(12, False), (18, True)])
def test_a_worker_that_fell_silent_is_told_at_the_moment_its_page_says_so(
    admin: User, age_s: int, is_silent: bool
) -> None:
    gateway, now, fleet = enrolled_gateway().gateway, timezone.now(), Subject("fleet")
    worker = Worker.objects.create(gateway=gateway, slot=0, pid=1, boot="b", started_at=now, seen_at=now)
    mark = read_marks([fleet])[fleet]
    worker.seen_at = now - timedelta(seconds=age_s)
    worker.save()
    assert (read_marks([fleet])[fleet] != mark) is is_silent
    ((view,),) = (shown.workers for shown in fleet_of(gateways_of(admin), now))
    assert (view.state == "silent") is is_silent


def test_what_changes_with_every_call_is_looked_at_no_more_often_than_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    arms, bell = Subject("arms", "ver_1"), Subject("bell", "a")
    looks: Counter[Subject] = Counter()

    def read(subjects: Iterable[Subject]) -> dict[Subject, str]:
        looks.update(subjects)
        return {each: str(looks[each]) for each in subjects}

    monkeypatch.setattr(watching, "read_marks", read)
    monkeypatch.setattr(watching, "_TICK_S", 0.001)
    monkeypatch.setattr(watching, "pace_s", lambda subject: PATIENCE_S if subject == arms else 0.0)
    watch = Watch(limit=2, each=2)
    listener = watch.enter("a", frozenset({arms, bell}))
    assert listener
    seen = {arms: "1", bell: "0"}
    while int(seen[bell]) < 5:
        news = watch.wait(listener, seen, time.monotonic() + PATIENCE_S)
        assert arms not in news
        seen |= news
    watch.leave(listener)
    wait_until(lambda: not is_watched(), "the watch ends")
    assert looks[arms] == 1


def test_who_may_watch_nothing_is_told_not_to_come_again(log_in: LogIn, developer: User, admin: User) -> None:
    assert log_in(None).get("/live?on=fleet").status_code == 204
    assert log_in(developer).get(f"/live?on=jobs&on=bell:{admin.pk}").status_code == 204
    assert log_in(developer).get("/live").status_code == 204


@pytest.mark.usefixtures("brief")
@pytest.mark.django_db(transaction=True)
def test_a_stream_that_was_never_read_gives_its_place_back(
    log_in: LogIn, developer: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_watch", Watch(limit=2, each=2))
    taken = log_in(developer).get(f"/live?on=bell:{developer.pk}")
    refused = log_in(stranger).get(f"/live?on=bell:{stranger.pk}")
    assert (taken.status_code, refused.status_code) == (200, 204)
    for _ in range(2):  # once is enough
        taken.close()
    assert log_in(stranger).get(f"/live?on=bell:{stranger.pk}").status_code == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watch_whose_thread_died_goes_on_with_the_next_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bell = Subject("bell", "a")
    is_dying = True

    def read(_: object) -> dict[Subject, str]:
        if is_dying:
            raise ZeroDivisionError
        return {bell: "1"}

    monkeypatch.setattr(watching, "read_marks", read)
    watch = Watch(limit=2, each=2)
    listener = watch.enter("a", frozenset({bell}))
    assert listener
    assert watch.wait(listener, {bell: "0"}, time.monotonic()) == {}
    wait_until(lambda: not is_watched(), "the thread ends")
    is_dying = False
    assert watch.wait(listener, {bell: "0"}, time.monotonic() + PATIENCE_S) == {bell: "1"}
    watch.leave(listener)
    wait_until(lambda: not is_watched(), "the watch ends")


def test_the_newest_streams_of_a_person_have_the_places() -> None:
    watch = Watch(limit=9, each=2)
    bell = frozenset({Subject("bell", "a")})
    listeners = [watch.enter("a", bell) for _ in range(3)]
    assert [each.is_over for each in listeners if each] == [True, False, False]
    assert watch.enter("b", bell)


def test_those_who_only_wait_for_the_bell_leave_room_for_others() -> None:
    watch = Watch(limit=4, each=4)
    bells = [frozenset({Subject("bell", name)}) for name in "abc"]
    places = [watch.enter(name, bell) for name, bell in zip("abc", bells, strict=True)]
    assert [place is not None for place in places] == [True, True, False]
    assert watch.enter("d", frozenset({Subject("bell", "d"), Subject("fleet")}))


@pytest.mark.usefixtures("environment")
def test_a_mark_costs_the_same_number_of_queries_for_many(
    developer: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with CaptureQueriesContext(connection) as one:
        read_marks([Subject("bell", developer.pk), Subject("application", "app_1"), Subject("fleet")])
    others = [accounts.user() for _ in range(3)]
    with django_assert_num_queries(len(one)):
        read_marks(
            [
                *(Subject("bell", each.pk) for each in others),
                *(Subject("application", f"app_{number}") for number in range(4)),
                Subject("fleet"),
            ]
        )


def test_marks_change_with_what_they_stand_for(developer: User) -> None:
    bell = Subject("bell", developer.pk)
    notify(developer, "one")
    assert read_marks([bell]) == {bell: "1"}
    Notification.objects.update(read_at=timezone.now())
    assert read_marks([bell]) == {bell: "0"}


def test_what_a_page_says_of_itself_is_read_back() -> None:
    assert parse("bell:usr_1~3") == (Subject("bell", "usr_1"), "3")
    assert parse("fleet") == (Subject("fleet"), "")
    assert str(Subject("bell", "usr_1")) == "bell:usr_1"
