"""A worker of its own process, to be killed: `python -m tests.apim.billing.worker apply|tell|repair`."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from apim.billing import tasks  # noqa: E402 - models need set-up Django

WORK = {"apply": tasks.apply_due_events, "tell": tasks.tell_usage, "repair": tasks.repair_billing}

if __name__ == "__main__":
    WORK[sys.argv[1]]()
