"""Notices in the portal: once a cause, one's own, forgotten in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import User
from apim.notifications.models import Notification
from apim.notifications.notices import forget_notices, mark_read, tell, unread_count
from tests.conftest import LogIn


def test_a_cause_is_told_once_to_each(developer: User, stranger: User) -> None:
    told = [
        tell(user_ids=people, kind="version", cause="published:ver_1", title="A\nversion", path="/apis/bank")
        for people in ([developer.pk], [developer.pk, stranger.pk, stranger.pk])
    ]
    assert [[each.user_id for each in rows] for rows in told] == [[developer.pk], [stranger.pk]]
    assert sorted(Notification.objects.values_list("user__email", "title")) == [
        (developer.email, "A version"), (stranger.email, "A version"),
    ]  # fmt: skip


def test_people_read_their_own(developer: User, stranger: User) -> None:
    (mine,) = tell(user_ids=[developer.pk], kind="key", cause="1", title="One")
    tell(user_ids=[developer.pk], kind="key", cause="2", title="Two")
    assert mark_read(user=stranger, notification_id=mine.pk) == 0
    assert mark_read(user=developer, notification_id=mine.pk) == 1
    assert unread_count(developer) == 1
    assert mark_read(user=developer) == 1
    assert unread_count(developer) == 0


def test_what_was_read_long_ago_is_forgotten(developer: User) -> None:
    tell(user_ids=[developer.pk], kind="key", cause="1", title="Read")
    tell(user_ids=[developer.pk], kind="key", cause="2", title="Unread")
    now = timezone.now()
    Notification.objects.filter(title="Read").update(read_at=now - timedelta(days=91))
    assert forget_notices() == 1
    Notification.objects.update(created_at=now - timedelta(days=366))
    assert forget_notices() == 1


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_a_notice_leads_nowhere_but_into_this_portal(developer: User, log_in: LogIn, path: str) -> None:
    (notice,) = tell(user_ids=[developer.pk], kind="key", cause="1", title="One", path=path)
    assert log_in(developer).get(f"/my/notifications/{notice.pk}")["Location"] == "/my/notifications"


def test_the_page_costs_the_same_with_many(developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    tell(user_ids=[developer.pk], kind="version", cause="0", title="One")
    with CaptureQueriesContext(connection) as few:
        client.get("/my/notifications")
    for number in range(1, 40):
        tell(user_ids=[developer.pk], kind="version", cause=str(number), title=f"Number {number}")
    with CaptureQueriesContext(connection) as many:
        assert "Number 39" in client.get("/my/notifications").content.decode()
    assert len(many) == len(few)


def test_mail_choices_are_kept(developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    assert client.post("/my/notifications", {"news": "on"}).status_code == 302
    choices = client.get("/my/notifications").context["form"].instance
    assert (choices.announcements, choices.news, choices.quotas) == (False, True, False)
    developer.refresh_from_db()
