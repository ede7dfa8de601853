"""What tests of billing share; see tests/payments.py and tests/switching.py."""

from __future__ import annotations

from tests.apim.billing.selling import sell  # noqa: F401 - a fixture
from tests.payments import _inbox, _standin, bought, product, stripe_server, waiting  # noqa: F401 - fixtures
from tests.switching import clock, paid  # noqa: F401 - fixtures
