"""What tests of credits share; see tests/payments.py and tests/prepaid.py."""

from __future__ import annotations

from tests.payments import _inbox, _standin, stripe_server  # noqa: F401 - fixtures
from tests.prepaid import prepaid  # noqa: F401 - a fixture
