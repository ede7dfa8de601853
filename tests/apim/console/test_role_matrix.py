"""Which role may do what, as the querysets say; asked of a made-up tenant that nobody finds afterwards."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.accounts.models import Organization, User
from apim.console.role_matrix import role_matrix
from tests.factories.accounts import user

pytestmark = pytest.mark.django_db


def test_each_role_is_asked_and_nothing_stays() -> None:
    role_matrix.cache_clear()
    before = (User.objects.count(), Organization.objects.count())
    cells = {str(line.title): tuple(line.cells) for line in role_matrix()}
    assert (User.objects.count(), Organization.objects.count()) == before
    assert cells["The organization itself"] == ("see", "see", "see", "change", "change")
    assert cells["Members and their roles"] == ("see", "see", "see", "change", "change")
    assert cells["APIs of their team"][2:] == ("change", "change", "change")
    assert cells["APIs of other teams"][2] != "change"
    assert cells["Applications of their team"] == ("change",) * 5
    assert cells["Applications of other teams"] == ("", "change", "", "change", "change")
    assert cells["Internal APIs of another organization"][:4] == ("", "", "", "")
    assert cells["Applications of another organization"] == ("", "", "", "", "change")
    assert cells["Platform"] == ("", "", "", "", "see")
    assert cells["Publish"] == ("", "", "see", "see", "see")


def test_the_page_shows_it_to_admins() -> None:
    client = Client()
    client.force_login(user(is_platform_admin=True))
    shown = client.get("/console/admin/roles").content.decode()
    assert "APIs of other teams" in shown
    assert "/console/admin/roles" in client.get("/console/admin/users").content.decode()
