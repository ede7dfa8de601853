"""A plugin of pytest: the gateway that is tested is the compiled copy, which comes first in PYTHONPATH, or nothing is.

pytest puts the repository's root first once it has read its settings; a package that was imported before stays.
"""

from __future__ import annotations

import os
import sys

import pytest

import gateway_sync.runtime.client  # before anything else imports the package

COPY = os.environ["PYTHONPATH"].split(os.pathsep)[0] + os.sep


def pytest_collection_finish() -> None:
    """By now each test has imported what it tests. Errors: pytest.UsageError."""
    client = gateway_sync.runtime.client.__file__ or ""
    files = [str(module.__file__) for name, module in sys.modules.items() if name.startswith("gateway_sync.")]
    strange = [file for file in (client, *files) if not file.startswith(COPY)]
    if strange or not client.endswith(".so"):
        raise pytest.UsageError(f"These are not of the compiled copy {COPY}: {strange or client}")
