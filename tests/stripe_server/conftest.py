"""Every self test has a server that knows nothing yet."""

from tests.stripe_server.fixture import running_stripe_server, stand_in_only, stripe_server  # noqa: F401 -- fixtures
