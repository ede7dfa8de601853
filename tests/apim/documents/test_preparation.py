"""Preparing an installation: a database of another state of the code is refused in words, before anything serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "ALTER TABLE access_credential RENAME COLUMN client_id TO client",
            "table access_credential has no column client_id",
        ),
        ("ALTER TABLE gateways_issuer RENAME TO gateways_old_issuer", "it has no table gateways_issuer"),
    ],
)
def test_tables_of_an_older_state_are_told_in_one_sentence(tmp_path: Path, change: str, said: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change)
    options = {"credentials": tmp_path / "c", "control_url": "http://127.0.0.1:1", "gateway_url": "http://127.0.0.1:2"}
    with pytest.raises(CommandError, match=f"{said}. Start with an empty APIM_HOME"):
        call_command("prepare_installation", **options)
