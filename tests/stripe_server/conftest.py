"""Every self test has a server of its own state."""

from tests.stripe_server.fixture import running_stripe_server, stripe_server  # noqa: F401 -- fixtures
