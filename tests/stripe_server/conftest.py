"""Every self test has a server that knows nothing yet."""

import pytest

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer, running_stripe_server, stand_in_only, stripe_server  # noqa: F401 -- fixtures


@pytest.fixture(autouse=True)
def _events_of_this_test_only(request: pytest.FixtureRequest) -> None:
    """Stripe's account is not empty: what happened before is no event of this test."""
    scenes.EARLIER.clear()
    if "stripe_server" in request.fixturenames:
        server: StripeServer = request.getfixturevalue("stripe_server")
        if server.is_stripe:
            scenes.EARLIER.extend(each.id for each in server.client().v1.events.list({"limit": 1}).data)
