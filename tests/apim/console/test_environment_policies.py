"""The policies of an environment, those that only it may have among them."""

from __future__ import annotations

import pytest

from apim.gateways.services import default_environment
from tests.conftest import LogIn
from tests.factories import accounts

pytestmark = pytest.mark.django_db


def test_limits_of_callers_are_checked_saved_and_shown(log_in: LogIn) -> None:
    environment = default_environment()
    client, url = log_in(accounts.user(is_platform_admin=True)), "/console/admin/environments/default/policies"
    on = {"client-limits-is_on": "on"}

    refused = client.post(url, {**on, "client-limits-headerTimeout": "0s"})
    assert refused.status_code == 422
    assert b"Something below is not right yet" in refused.content
    assert b"must be from 1s to 1h" in refused.content
    saved = client.post(url, {**on, "client-limits-headerTimeout": "5s", "client-limits-perAddress": "200"})
    assert saved.status_code == 302

    environment.refresh_from_db()
    (policy,) = environment.policies
    assert policy["client-limits"]["headerTimeout"] == "5s"
    assert policy["client-limits"]["perAddress"] == 200
    assert environment.is_waiting_to_publish
    page = client.get(url).content.decode()
    assert 'value="5s"' in page
    assert "Rate limit" in page
