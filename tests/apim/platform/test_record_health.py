"""Health of records: told in one sentence, with the mend."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from apim.platform.health import records
from apim.platform.health.verdicts import Colour
from apim.usage.models import RecordFile, UsageRecord
from apim.usage.records.moving import move

pytestmark = pytest.mark.django_db


def test_each_thing_that_is_wrong_with_records_is_said(settings: Settings, tmp_path: Path) -> None:
    settings.RECORDS_FOLDER, settings.RECORDS_MOVED_AFTER_HOURS = None, 24
    assert records.kept().colour is Colour.GREEN
    settings.RECORDS_FOLDER = tmp_path
    UsageRecord.objects.create(
        gateway_id="g", boot="b", seq=1, request_id="r", at=timezone.now() - timedelta(days=2), environment_id="e",
        status=200, duration_us=1,
    )  # fmt: skip
    late = records.kept()
    assert (late.colour, "start the workers" in late.text) == (Colour.AMBER, True)
    move(tmp_path, until=timezone.now())
    assert records.kept().text == "1 file holds the older records: 1."
    (tmp_path / RecordFile.objects.get().name).unlink()
    assert "1 file of records is not in" in records.kept().text
    settings.RECORDS_FOLDER = None
    assert records.kept().colour is Colour.RED
