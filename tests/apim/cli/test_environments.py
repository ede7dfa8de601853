"""`apim environments`: the difference first, then back, then on."""

from __future__ import annotations

import json

import pytest

from apim.gateways.services import default_environment
from gateway_sync.delivery import reports, services
from gateway_sync.delivery.models import Pin
from tests.apim.cli.conftest import Run
from tests.factories import gateways as factory

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])


def test_an_environment_goes_back_after_the_difference_was_shown(apim: Run) -> None:
    environment = default_environment()
    version = factory.published_version("GET /old", name="bank")
    services.publish(environment.id)
    factory.changed_version(version, "GET /new")
    services.publish(environment.id)
    newer, older = reports.history(environment)
    listed = json.loads(apim("environments", "publications", "default", "-o", "json").stdout)
    assert [each["revision"] for each in listed] == [newer.revision, older.revision]

    command = ("environments", "rollback", "default", "--to", str(older.revision))
    looked = apim(*command, "--diff", "-o", "table")
    assert looked.returncode == 2
    assert "bank v1 GET /old" in looked.stdout
    assert "nothing to compare" in looked.stderr
    unsaid = apim(*command, "--yes")
    assert unsaid.returncode == 1
    assert "--reason" in unsaid.stderr
    assert not Pin.objects.exists()
    assert apim(*command, "--reason", "callers fail", input="n\n").returncode == 1
    assert not Pin.objects.exists()
    assert apim(*command, "--reason", "callers fail", "--yes").returncode == 0
    assert Pin.objects.get().reason == "callers fail"


def test_who_tries_publications_first_is_said_and_shown(apim: Run) -> None:
    default_environment()
    command = ("environments", "trials", "default", "-o", "json")
    assert json.loads(apim(*command).stdout) == {"trial_s": 0, "trial_by": "gateways", "trial_share": 10}
    wanted = {"trial_s": 60, "trial_by": "share", "trial_share": 5}
    assert json.loads(apim(*command, "--seconds", "60", "--by", "share", "--share", "5").stdout) == wanted
    assert apim(*command, "--share", "100").returncode == 1
    assert json.loads(apim(*command).stdout) == wanted


def test_after_what_time_a_gateway_that_is_cut_off_refuses_keys_is_said_and_shown(apim: Run) -> None:
    default_environment()
    command = ("environments", "revocations", "default", "-o", "json")
    assert json.loads(apim(*command).stdout) == {"max_revocation_age_s": 0}
    assert json.loads(apim(*command, "--max-age", "900").stdout) == {"max_revocation_age_s": 900}
    refused = apim(*command, "--max-age", "59")
    assert (refused.returncode, "60" in refused.stderr) == (1, True)
    assert json.loads(apim(*command).stdout) == {"max_revocation_age_s": 900}


def test_publications_of_an_environment_that_does_not_exist_are_not_none(apim: Run) -> None:
    default_environment()
    assert json.loads(apim("environments", "publications", "default", "-o", "json").stdout) == []
    unknown = apim("environments", "publications", "nowhere")
    assert unknown.returncode == 1
    assert '"nowhere"' in unknown.stderr
