"""A worker that is killed while it sends: the event comes again, under the same webhook-id (R11)."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.utils import timezone

from apim.accounts.models import Organization
from apim.up.options import ROOT
from apim.webhooks.delivering import deliver_due
from apim.webhooks.models import Attempt, Delivery
from apim.webhooks.outbox import News, emit
from apim.webhooks.services import IssuedSecret
from tests.apim.webhooks.receiver import Receiver
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def test_nothing_is_lost_with_a_worker_that_is_killed_while_it_sends(
    initech: Organization, issued: IssuedSecret, receiver: Receiver
) -> None:
    emit([News("key.revoked", initech.id, {"number": number}) for number in range(3)])
    receiver.released.clear()
    parts = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "APIM_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    command = (sys.executable, "-m", "tests.apim.webhooks.worker")
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        wait_until(lambda: len(receiver.received) == 3 or worker.poll() is not None, "the endpoint is asked")
        worker.kill()
        _, error = worker.communicate()
    assert worker.returncode < 0, error  # it was killed, and had not ended before
    receiver.released.set()
    assert not Attempt.objects.exists()
    assert deliver_due() == 0  # the claim of who was killed still holds
    Delivery.objects.update(retry_at=timezone.now())  # it has run out
    assert deliver_due() == 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    first, second = receiver.received[:3], receiver.received[3:]
    assert {each.message_id for each in first} == {each.message_id for each in second}
    assert len({each.message_id for each in second}) == 3
