"""What tests of credits share; see tests/prepaid.py."""

from __future__ import annotations

from tests.prepaid import prepaid  # noqa: F401 - a fixture
