"""`apim sandbox` against a control plane that listens."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization
from apim.catalog.models import APIVersion
from apim.gateways.services import default_environment, update_environment
from tests.apim.cli.conftest import Run
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_sandbox_is_forwarded_and_mocked_again(apim: Run) -> None:
    update_environment(environment=default_environment(), changes={"has_sandbox": True}, by=TESTER)
    version = catalog.described(name="bank", organization=Organization.objects.get())
    forwarded = apim("sandbox", "forward", "bank:v1", "https://test.example.com", "-H", "X-Test: 1", "-o", "table")
    assert forwarded.stdout == "bank:v1: forwarded to https://test.example.com\n", forwarded.stderr
    assert APIVersion.objects.get(pk=version.pk).sandbox_upstream["headers"] == {"X-Test": "1"}
    mocked = apim("sandbox", "mock", "bank:v1", "-o", "table")
    assert mocked.stdout == "bank:v1: answered with the examples of the document\n"
    assert "Write it like" in apim("sandbox", "forward", "bank:v1", "https://x.example", "-H", "nothing").stderr
