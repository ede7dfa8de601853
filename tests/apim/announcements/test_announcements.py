"""Announcements: to those who really call, each once; the schedule of deprecations; what people want by mail (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import Organization, User
from apim.announcements.audience import Audience, audience_of, users_of
from apim.announcements.models import Announcement, Receipt
from apim.announcements.schedule import announce_due
from apim.announcements.services import (
    BATCH,
    create_announcement,
    deliver,
    deliver_unfinished,
    send_announcement,
    stop_announcement,
    update_announcement,
)
from apim.catalog.models import API, APIVersion
from apim.catalog.services import deprecate_version, reinstate_version
from apim.catalog.services.interest import follow_api
from apim.errors import Conflict, Invalid
from apim.notifications.models import Message, Notification
from apim.notifications.notices import set_mail_choices
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog, products
from tests.factories.accounts import TESTER

NOTE = {"subject": "Limits change", "body": "From **Monday** on. <script>alert(1)</script>"}
LATELY = timedelta(days=3)  # longer ago than what counts as news


@dataclass(frozen=True, slots=True)
class Traffic:
    """The bank with v1 and v2; initech's shop called v1, globex's game called v2."""

    api: API
    v1: APIVersion
    v2: APIVersion
    shop: Application
    game: Application


def called(application: Application, version: APIVersion, operation: str, *, days_ago: int = 1) -> None:
    """The roll-up of a day on which the application called."""
    UsageRollup.objects.create(
        period="day", at=start_of("day", timezone.now()) - timedelta(days=days_ago), environment_id="env_1",
        version_id=version.pk, application_id=application.pk, operation=operation, status=200, calls=7,
    )  # fmt: skip


def subscribed(application: Application, version: APIVersion) -> None:
    plan = products.plan(organization=version.api.organization)
    product = products.product(version=version, plans=[plan])
    access.subscription(application=application, product=product, plan=plan)


@pytest.fixture
def traffic(
    acme: Organization, initech: Organization, globex: Organization, developer: User, other_owner: User
) -> Traffic:
    api = catalog.api(organization=acme, name="bank", display_name="Bank")
    v1, v2 = catalog.published(of=api), catalog.published(of=api, name="v2")
    APIVersion.objects.update(published_at=timezone.now() - LATELY)
    shop, game = access.application(of=initech, name="shop"), access.application(of=globex, name="game")
    called(shop, v1, "GET /accounts")
    called(game, v2, "POST /transfers", days_ago=20)
    return Traffic(api, v1, v2, shop, game)


def addresses(announcement: Announcement) -> list[str]:
    return sorted(users_of(announcement).values_list("email", flat=True))


def told() -> list[tuple[str, str]]:
    """(receiver, subject) of every mail of an announcement, by receiver."""
    of_announcements = Message.objects.filter(pk__in=Receipt.objects.values("message"))
    return sorted(of_announcements.values_list("to", "subject"))


def test_receivers_are_those_whose_applications_called(traffic: Traffic) -> None:
    initech, globex = "dev@initech.example", "owner@globex.example"
    for values, wanted in (
        ({"version": traffic.v1}, [initech]),
        ({}, [initech, globex]),
        ({"days": 7}, [initech]),
        ({"operation": "POST /transfers"}, [globex]),
        ({"version": traffic.v1, "operation": "POST /transfers"}, []),
        ({"days": 0}, []),
    ):
        assert addresses(Announcement(api=traffic.api, **values)) == wanted, values


def test_every_subscriber_is_told_without_a_call(traffic: Traffic) -> None:
    subscribed(traffic.shop, traffic.v2)
    assert addresses(Announcement(api=traffic.api, days=0)) == ["dev@initech.example"]
    assert addresses(Announcement(api=traffic.api, days=0, version=traffic.v1)) == []


def test_a_preview_says_how_many_and_who_wants_no_mail(traffic: Traffic, developer: User) -> None:
    set_mail_choices(user=developer, announcements=False, news=True, quotas=True)
    draft = create_announcement(api=traffic.api, by=TESTER, **NOTE)
    assert audience_of(draft) == Audience(applications=2, organizations=2, people=2, mailed=1)


def test_each_receiver_is_told_once_however_often_the_job_runs(traffic: Traffic, developer: User) -> None:
    set_mail_choices(user=developer, announcements=False, news=True, quotas=True)
    draft = create_announcement(api=traffic.api, by=TESTER, **NOTE)
    send_announcement(announcement=draft, by=TESTER)
    assert deliver(draft.pk) == 2
    assert [deliver(draft.pk), deliver_unfinished(), deliver(draft.pk)] == [0, 0, 0]
    assert told() == [("owner@globex.example", "Limits change")]
    assert Notification.objects.filter(kind="announcement").count() == 2
    draft.refresh_from_db()
    assert (draft.state, draft.finished_at is not None) == ("sent", True)
    mail = Message.objects.get(to="owner@globex.example")
    assert "<script>" not in mail.html
    assert "<strong>Monday</strong>" in mail.html
    assert "/my/notifications" in mail.body


def test_more_receivers_than_a_batch_are_told_in_several(traffic: Traffic, initech: Organization) -> None:
    for number in range(BATCH + 5):
        accounts.member(initech, f"dev-{number}@initech.example")
    draft = create_announcement(api=traffic.api, version=traffic.v1, by=TESTER, **NOTE)
    send_announcement(announcement=draft, by=TESTER)
    assert deliver(draft.pk, within_s=0) == BATCH  # the time is up after the first
    assert deliver_unfinished() == 6
    assert len({to for to, _ in told()}) == len(told()) == BATCH + 6


def test_what_was_sent_stays_as_it_was_read(traffic: Traffic) -> None:
    draft = create_announcement(api=traffic.api, by=TESTER, **NOTE)
    send_announcement(announcement=draft, by=TESTER)
    for act in (
        lambda: send_announcement(announcement=draft, by=TESTER),
        lambda: update_announcement(announcement=draft, changes={"subject": "x"}, by=TESTER),
    ):
        with pytest.raises(Conflict):
            act()


def test_nobody_is_no_audience(traffic: Traffic) -> None:
    nobody = create_announcement(api=traffic.api, days=0, by=TESTER, **NOTE)
    with pytest.raises(Invalid, match="Nobody"):
        send_announcement(announcement=nobody, by=TESTER)
    other = catalog.published()
    with pytest.raises(Invalid, match="not a version"):
        create_announcement(api=traffic.api, version=other, by=TESTER, **NOTE)


def run(now: datetime | None = None) -> list[tuple[str, str]]:
    """What is told in all, after the clock came by twice."""
    for _ in range(2):
        announce_due(now)
        deliver_unfinished()
    return told()


def test_a_deprecation_is_told_on_its_day_and_before_the_end_each_once(traffic: Traffic, developer: User) -> None:
    set_mail_choices(
        user=developer, announcements=False, news=False, quotas=True
    )  # this is no choice: their application stops
    now = timezone.now()
    sunset = now + timedelta(days=100)
    deprecate_version(
        version=traffic.v1, deprecated_at=now, sunset_at=sunset, successor=traffic.v2, reason="x", by=TESTER
    )
    expected = [("dev@initech.example", "Bank v1 is deprecated")]
    assert run() == expected
    for days, words in ((90, "90 days"), (30, "30 days"), (7, "7 days"), (1, "1 day")):
        at = sunset - timedelta(days=days) + timedelta(hours=1)
        called(traffic.shop, traffic.v1, f"GET /{days}", days_ago=0)
        expected.append(("dev@initech.example", f"Bank v1 ends in {words}"))
        assert run(at) == sorted(expected)
    assert run(sunset + timedelta(days=1)) == sorted(expected)


def test_what_the_product_announces_is_said_in_the_language_of_each_reader_and_kept_in_english(
    traffic: Traffic, developer: User
) -> None:
    User.objects.filter(pk=developer.pk).update(language="ja")
    now = timezone.now()
    deprecate_version(version=traffic.v1, deprecated_at=now, sunset_at=now + timedelta(days=100), reason="x", by=TESTER)
    ((_, subject),) = run()
    assert subject == "Bank v1は非推奨になりました"
    assert "410" in Message.objects.get().body
    assert "It answers" not in Message.objects.get().body
    kept = Announcement.objects.get()
    assert (kept.subject, "It answers until" in kept.body) == ("Bank v1 is deprecated", True)


def test_stages_before_the_deprecation_itself_are_left_out(traffic: Traffic) -> None:
    now = timezone.now()
    deprecate_version(version=traffic.v1, deprecated_at=now, sunset_at=now + timedelta(days=20), reason="x", by=TESTER)
    assert run() == [("dev@initech.example", "Bank v1 is deprecated")]


def test_who_no_longer_calls_is_not_told_and_a_withdrawn_deprecation_ends_it(traffic: Traffic) -> None:
    UsageRollup.objects.all().delete()
    now = timezone.now()
    deprecate_version(version=traffic.v1, deprecated_at=now, sunset_at=now + timedelta(days=40), reason="x", by=TESTER)
    assert run() == []
    called(traffic.shop, traffic.v1, "GET /accounts")
    reinstate_version(version=APIVersion.objects.get(pk=traffic.v1.pk), by=TESTER)
    assert run(now + timedelta(days=15)) == []


def test_a_new_version_is_told_to_followers_and_subscribers(traffic: Traffic, stranger: User, developer: User) -> None:
    follow_api(api=traffic.api, user=stranger)
    set_mail_choices(user=developer, announcements=True, news=False, quotas=True)
    subscribed(traffic.shop, traffic.v1)
    catalog.published(of=traffic.api, name="v3")
    assert run() == [("stranger@example.net", "Bank v3 is published")]
    assert set(Notification.objects.values_list("user__email", flat=True)) == {"stranger@example.net", developer.email}
    API.objects.update(visibility="internal")
    catalog.published(of=traffic.api, name="v4")
    assert ("stranger@example.net", "Bank v4 is published") not in run()  # who may not see it is not told of it


def test_the_first_version_of_an_api_and_old_ones_are_no_news(acme: Organization, stranger: User) -> None:
    version = catalog.published(of=catalog.api(organization=acme))
    follow_api(api=version.api, user=stranger)
    assert run() == []


def test_an_owner_writes_looks_and_sends(
    traffic: Traffic, log_in: LogIn, owner: User, other_owner: User, developer: User
) -> None:
    client = log_in(owner)
    assert "bank" in client.get("/console/new-announcement").content.decode()
    form = client.get("/console/new-announcement?api=bank").content.decode()
    assert "POST /transfers" in form
    fields = {"version": traffic.v1.pk, "operation": "", "days": "30", **NOTE}
    page = client.post("/console/new-announcement?api=bank", fields, follow=True)
    draft = Announcement.objects.get()
    assert "<strong>Monday</strong>" in page.content.decode()
    assert page.context["audience"].people == 1
    assert "1 person is told" in client.get(f"/console/announcements/{draft.pk}/send").content.decode()
    assert client.post(f"/console/announcements/{draft.pk}/send").status_code == 302
    deliver(draft.pk)
    shown = client.get(f"/console/announcements/{draft.pk}")
    assert shown.context["delivery"] == {
        "receivers": 1, "told": 1, "unmailed": 0, "sent": 0, "failed": 0, "waiting": 1,
    }  # fmt: skip
    assert "1 / 1" in client.get("/console/announcements").content.decode()
    assert log_in(other_owner).get(f"/console/announcements/{draft.pk}").status_code == 404
    reader = log_in(developer)
    assert "Notifications, 1 unread" in reader.get("/").content.decode()
    notice = Notification.objects.get(user=developer, kind="announcement")
    opened = reader.get(f"/my/notifications/{notice.pk}")
    assert (opened.status_code, opened["Location"]) == (302, "/apis/bank")
    assert "1 unread" not in reader.get("/my/notifications").content.decode()
    assert log_in(owner).get(f"/my/notifications/{notice.pk}").status_code == 404


def test_sending_is_stopped_between_two_batches(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apim.announcements.services.BATCH", 1)
    sent = create_announcement(api=traffic.api, by=TESTER, **NOTE)
    send_announcement(announcement=sent, by=TESTER)
    assert deliver(sent.pk, within_s=0) == 1

    stop_announcement(announcement=sent, by=TESTER)
    assert [deliver(sent.pk), deliver_unfinished()] == [0, 0]
    assert len(told()) == 1
    with pytest.raises(Conflict, match="not being sent"):
        stop_announcement(announcement=sent, by=TESTER)
