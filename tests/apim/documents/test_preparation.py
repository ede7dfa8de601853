"""Preparing an installation: a database of another state of the code is refused in words, before anything serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apim.documents.installation import enroll_embedded_gateway
from apim.gateways.models import Gateway
from apim.gateways.services import authenticate_gateway

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


def test_each_gateway_beside_the_control_plane_has_credentials_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    paths = [tmp_path / name / "credentials.json" for name in ("one", "two")]
    options = {"control_url": "http://127.0.0.1:1", "gateway_url": "http://127.0.0.1:2"}
    for _ in range(2):
        for name, path in zip(("embedded", "gateway2"), paths, strict=True):
            enroll_embedded_gateway(path=path, name=name, **options)
        told = [json.loads(path.read_text()) for path in paths]
        gateways = [authenticate_gateway(each["token"]) for each in told]
        assert [gateway.name for gateway in gateways if gateway] == ["embedded", "gateway2"]
    assert Gateway.objects.count() == 2


@pytest.mark.parametrize("text", ["gateway2", "=/path", "gateway2="])
def test_another_gateway_needs_a_name_and_a_file(tmp_path: Path, text: str) -> None:
    told = [f"--credentials={tmp_path}", "--control-url=http://a", "--gateway-url=http://b"]
    with pytest.raises(CommandError, match="is not NAME=FILE"):
        call_command("prepare_installation", *told, f"--another-gateway={text}")
