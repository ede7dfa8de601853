"""Applications as admins see them: suspended and resumed."""

from __future__ import annotations

from apim.accounts.models import User
from tests.conftest import LogIn
from tests.factories import access


def test_a_suspended_application_is_resumed(log_in: LogIn, admin: User) -> None:
    application, client = access.application(), log_in(admin)
    url = f"/console/admin/applications/{application.pk}"

    assert client.post(f"{url}/suspend", {}).status_code == 422
    client.post(f"{url}/suspend", {"reason": "abuse"})
    application.refresh_from_db()
    assert application.state == "suspended"
    client.post(f"{url}/resume")
    application.refresh_from_db()
    assert application.state == "active"
