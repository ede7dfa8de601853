"""Hosts and certificates in the console: a new one never takes the place of one that is there."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.gateways.hosts import save_host
from apim.gateways.models import Environment
from tests.conftest import LogIn
from tests.factories.accounts import TESTER


@pytest.mark.parametrize("name", ["api.example.com", " API.example.com. "])
def test_a_new_host_of_a_name_that_is_there_is_refused(
    log_in: LogIn, admin: User, environment: Environment, name: str
) -> None:
    changes = {"api": "bank", "base_path": "/payments"}
    host = save_host(environment=environment, name="api.example.com", changes=changes, by=TESTER)

    data = {"name": name, "environment": environment.pk, "hsts_max_age_s": "0", "client_certificates": "off"}
    response = log_in(admin).post("/console/admin/new-host", data)

    assert response.status_code == 422
    assert b"There is one of this name" in response.content
    host.refresh_from_db()
    assert host.base_path == "/payments"
