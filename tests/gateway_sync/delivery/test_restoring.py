"""A database restored from a backup: gateways keep what they have until they are told that this is meant."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from django.core.management import call_command
from pytest_django import Settings

from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.gateways.services import AccessChange, append_access
from gateway_sync.delivery import services
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.push import encode_update
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.keeper import Keeper, Taken
from gateway_sync.runtime.updates import decode_update
from tests.factories import gateways as factory

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


def pull(keeper: Keeper, environment: Environment) -> Taken:
    """What one question and its answer change."""
    ask = msgspec.json.decode(keeper.ask(0), type=Ask)
    gateway = Gateway.objects.select_related("environment").get(environment=environment.pk)
    return keeper.take(decode_update(encode_update(update_for(gateway, ask))), is_pushed=False)


def test_gateway_follows_a_restored_database_only_after_the_command(
    environment: Environment, tmp_path: Path, settings: Settings
) -> None:
    verify_key = settings.KEYRING.verify_key()
    keeper = Keeper(tmp_path, Credentials("00", verify_key, environment.name))
    factory.enrolled_gateway(environment=environment)
    factory.published_version("GET /accounts")
    for key in ("a", "b"):
        append_access(environment_id=environment.id, changes=[AccessChange("credential", key, {"id": key})])
    services.publish(environment.id)
    backup = Environment.objects.filter(id=environment.id).values().get()
    pull(keeper, environment)
    factory.published_version("GET /later")
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "c", {"id": "c"})])
    services.publish(environment.id)
    pull(keeper, environment)
    newest = keeper.manifest

    AccessRecord.objects.filter(key="c").delete()
    Publication.objects.filter(revision__gt=backup["published_revision"]).delete()
    Environment.objects.filter(id=environment.id).update(**backup)
    assert pull(keeper, environment).is_refused
    assert (keeper.manifest, keeper.access.find("credential", "c")) == (newest, {"id": "c"})
    assert "resume_after_restore" in str(keeper.problems)

    call_command("resume_after_restore")
    taken = pull(keeper, environment)
    assert (taken.is_refused, keeper.problems) == (False, {})
    assert keeper.manifest is not None
    assert newest is not None
    assert keeper.manifest.revision > newest.revision
    assert keeper.access.find("credential", "c") is None
    assert keeper.access.find("credential", "a") == {"id": "a"}
    services.publish(environment.id)
    assert not pull(keeper, environment).is_refused
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "a", None)])
    pull(keeper, environment)
    assert keeper.access.find("credential", "a") is None
