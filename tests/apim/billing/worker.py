"""A worker of its own process, to be killed: `python -m tests.apim.billing.worker apply|tell|repair|switch PLAN`."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from apim.access.models import Subscription  # noqa: E402 - models need set-up Django
from apim.billing import tasks  # noqa: E402
from apim.billing.switching import switch_plan  # noqa: E402
from apim.products.models import Plan  # noqa: E402
from tests.factories.accounts import TESTER  # noqa: E402


def switch(plan: str) -> None:
    """Press *switch plan*."""
    switch_plan(subscription=Subscription.objects.get(), plan=Plan.objects.get(name=plan), by=TESTER)


WORK = {"apply": tasks.apply_due_events, "tell": tasks.tell_usage, "repair": tasks.repair_billing, "switch": switch}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])
