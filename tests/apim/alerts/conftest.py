"""An API with traffic by the minute, as roll-ups have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.usage.models import VersionRollup
from tests.factories import catalog

Count = Callable[..., None]


@pytest.fixture
def version(acme: Organization, owner: User, environment: Environment) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def count(version: APIVersion, environment: Environment) -> Count:
    """`count(start, 10, calls=100, failed=50)` counts the same for each of ten minutes."""

    def add(start: datetime, minutes: int, *, calls: int = 100, failed: int = 0, period: str = "minute") -> None:
        step = timedelta(minutes=1) if period == "minute" else timedelta(hours=1)
        VersionRollup.objects.bulk_create(
            [
                VersionRollup(
                    period=period,
                    at=start + step * index,
                    environment_id=environment.id,
                    version_id=version.id,
                    calls=calls,
                    answered=calls - failed,
                    failed=failed,
                )
                for index in range(minutes)
            ]
        )

    return add
