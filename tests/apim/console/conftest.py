"""What tests of the console share; see tests/payments.py and tests/prepaid.py."""

from __future__ import annotations

from tests.payments import _inbox, _standin, bought, product, stripe_server, waiting  # noqa: F401 - fixtures
from tests.prepaid import prepaid  # noqa: F401 - a fixture
