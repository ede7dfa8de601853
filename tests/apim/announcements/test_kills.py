"""An announcement whose sender is killed, and one that two workers send at once: each hears of it once (R12)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
RECEIVERS = 1500
START = "import django; django.setup(); from apim.announcements import services, models as m\n"
PREPARE = f"""
from apim.accounts.models import Organization, User
from apim.catalog.models import API
from apim.announcements.models import Announcement, Receipt
from django.utils import timezone
api = API.objects.create(organization=Organization.objects.create(name="acme"), name="bank", display_name="Bank")
users = User.objects.bulk_create([User(email=f"dev-{{n}}@acme.example") for n in range({RECEIVERS})])
sent = Announcement.objects.create(api=api, subject="S", body="B", state="sending", sent_at=timezone.now())
Receipt.objects.bulk_create([Receipt(announcement=sent, user=user) for user in users])
"""
SEND = """
import time
from django.db.utils import OperationalError
print("started", flush=True)
while m.Announcement.objects.unfinished().exists():
    try:
        services.deliver_unfinished()
    except OperationalError:  # SQLite: the other one writes; the clock would come again
        time.sleep(0.1)
"""
COUNT = """
from apim.notifications.models import Message, Notification
told = m.Receipt.objects.exclude(told_at=None).count()
print(told, Message.objects.count(), Message.objects.values("to").distinct().count(), Notification.objects.count())
"""


def run(environment: Mapping[str, str], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_each_receiver_is_told_once_though_senders_are_killed_and_two_at_work(
    empty_database: Mapping[str, str],
) -> None:
    migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(migrate, cwd=ROOT, env=empty_database, check=True, capture_output=True)
    run(empty_database, PREPARE)
    start = [sys.executable, "-c", START + SEND]
    for _ in range(2):
        before = int(run(empty_database, COUNT).split()[0])
        sender = subprocess.Popen(start, cwd=ROOT, env=empty_database)
        wait_until(lambda: int(run(empty_database, COUNT).split()[0]) > before or sender.poll() is not None)  # noqa: B023
        sender.kill()
        sender.wait()
    both = [subprocess.Popen(start, cwd=ROOT, env=empty_database) for _ in range(2)]
    assert [sender.wait() for sender in both] == [0, 0]
    assert run(empty_database, COUNT) == " ".join([str(RECEIVERS)] * 4)
