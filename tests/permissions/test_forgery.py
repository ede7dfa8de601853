"""Writes that another site's page could send with a person's cookies.

Promises H36.
"""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Credential
from tests.permissions.world import World


@pytest.mark.parametrize(
    "route",
    [
        "my/keys/<str:credential_id>/roll",
        "my/keys/<str:credential_id>/revoke",
        "my/apps/<str:application_id>/delete",
        "api/v1/credentials/<str:credential>/roll",
        "api/v1/credentials/<str:credential>/revoke",
    ],
)
def test_a_write_without_the_pages_token_is_refused(world: World, route: str) -> None:
    client = Client(enforce_csrf_checks=True)
    developer = world.people["developer"]
    assert developer is not None
    client.force_login(developer)
    response = client.post(world.path(route), {"overlap_s": "0"}, headers={"origin": "https://evil.example"})
    assert response.status_code == 403
    assert Credential.objects.get().state == "active"
