"""The world that the walks share."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from tests.permissions.world import ROLES, World, build


@pytest.fixture
def world(
    environment: Environment,
    acme: Organization,
    initech: Organization,
    stranger: User,
    developer: User,
    other_owner: User,
    owner: User,
    admin: User,
) -> World:
    """Tenants with objects, and the people who try."""
    people: dict[str, User | None] = dict(
        zip(ROLES, (None, stranger, developer, other_owner, owner, admin), strict=True)
    )
    return build(environment, acme, initech, people)
