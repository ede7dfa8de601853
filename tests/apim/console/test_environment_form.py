"""The settings of an environment as its form has them."""

from __future__ import annotations

import pytest

from apim.console.forms.admin import EnvironmentForm
from apim.gateways.services import default_environment
from tests.conftest import LogIn
from tests.factories import accounts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("written", "status", "kept"), [("900", 302, 900), ("", 302, 0), ("0", 302, 0), ("59", 422, 7200)]
)
def test_the_time_after_which_keys_are_refused_is_blank_for_never_or_within_bounds(
    log_in: LogIn, written: str, status: int, kept: int
) -> None:
    environment = default_environment()
    environment.max_revocation_age_s = 7200
    environment.save()
    client, url = log_in(accounts.user(is_platform_admin=True)), "/console/admin/environments/default"
    shown = EnvironmentForm(instance=environment)
    fields = {name: shown[name].value() for name in shown.fields}
    sent = {name: value for name, value in fields.items() if value is not False and value is not None}
    sent["allowed_networks"] = "\n".join(environment.allowed_networks)

    answer = client.post(url, sent | {"max_revocation_age_s": written})
    assert answer.status_code == status
    environment.refresh_from_db()
    assert environment.max_revocation_age_s == kept
    if status == 422:
        assert b"from 60 seconds to 604800" in answer.content
