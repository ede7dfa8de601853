"""A worker of its own process, to be killed: `python -m tests.apim.webhooks.worker`."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from apim.webhooks import tasks  # noqa: E402 - models need set-up Django

if __name__ == "__main__":
    tasks.deliver_due()
