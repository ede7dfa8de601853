"""The hourly look whether usage is whole, and the alarm when it is not."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from apim.accounts.links import absolute_url
from apim.accounts.models import User
from apim.notifications.posting import post
from apim.platform.health.usage import faults_of
from apim.usage.conservation import check_conservation, last_check
from apim.usage.models import ConservationCheck

logger = logging.getLogger(__name__)


@transaction.atomic
def look(now: datetime) -> ConservationCheck:
    """Check, and mail the admins when it found what the check before did not have."""
    before = last_check()
    check = check_conservation(now)
    if check.findings:
        logger.error("usage.not_conserved: %s", check.findings)
    if any(finding not in (before.findings if before else []) for finding in check.findings):
        admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
        post(
            "platform.usage_not_whole",
            to=list(admins.values_list("email", flat=True)),
            values={"faults": lambda: faults_of(check), "link": absolute_url("/console/admin/health")},
        )
    return check
