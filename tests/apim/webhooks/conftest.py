"""An endpoint of initech at a server that is really there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.webhooks.events import TYPES
from apim.webhooks.services import IssuedSecret, create_endpoint
from tests.apim.webhooks.receiver import Receiver


@pytest.fixture
def loopback(settings: Settings) -> None:
    """The installation lets webhooks go to loopback."""
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def receiver(loopback: None) -> Iterator[Receiver]:
    """A server that answers."""
    found = Receiver()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def issued(initech: Organization, receiver: Receiver, by: Actor) -> IssuedSecret:
    """Told of everything."""
    return create_endpoint(organization=initech, url=receiver.url, event_types=TYPES, by=by)
