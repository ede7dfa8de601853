"""Reports of keys that were found in public: revoked or warned of, audited, told to their owners.

Anybody may report. What comes back is the same for keys that are known and for others.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apim.access import inbox
from apim.access.models import Credential, LeakReport
from apim.access.services.credentials import close
from apim.accounts.models import Organization
from apim.accounts.services import authenticate_token, revoke_token
from apim.audit.actor import system_actor
from apim.audit.services import record
from apim.secret_text import is_well_formed

LONGEST_REPORT: Final = 20_000  # characters
LONGEST_PLACE: Final = 500
_MOST_KEYS: Final = 50
_REASON: Final = "reported as leaked"
_WARNED_EVERY: Final = timedelta(days=1)
_FORM: Final = re.compile(r"apim_[a-z0-9_]{1,20}_[0-9A-Za-z]{38}", re.ASCII)


def report_leak(*, text: str, found_at: str = "") -> int:
    """How many live keys and tokens of ours text holds; each is dealt with. For tests and logs, never for who asks."""
    candidates = dict.fromkeys(_FORM.findall(text[:LONGEST_REPORT]))
    secrets = [each for each in candidates if is_well_formed(each)][:_MOST_KEYS]
    place = found_at.encode(errors="replace").decode().strip()[:LONGEST_PLACE]  # JSON may hold halves of characters
    return sum(_report(secret, place) for secret in secrets)


@transaction.atomic
def _report(secret: str, found_at: str) -> bool:
    by = system_actor("leak report")
    token = authenticate_token(secret)
    if token is not None:
        revoke_token(token=token, by=by)
        return True
    rows = Credential.objects.live().select_related("application__organization")
    credential = rows.filter(key_hash=settings.KEYRING.hash_secret(secret), kind=Credential.Kind.API_KEY).first()
    if credential is None:
        return False
    organization = credential.application.organization
    is_revoked = organization.on_leak == Organization.OnLeak.REVOKE
    if is_revoked:
        close(Credential.objects.filter(pk=credential.pk), state=Credential.State.REVOKED, by=by, reason=_REASON)
    elif credential.leak_reports.filter(reported_at__gt=timezone.now() - _WARNED_EVERY).exists():
        return True  # told already; a second report is no reason for a second mail
    outcome = LeakReport.Outcome.REVOKED if is_revoked else LeakReport.Outcome.WARNED
    report = LeakReport.objects.create(credential=credential, found_at=found_at, outcome=outcome)
    record(
        by=by,
        action="credential.leaked",
        target=credential,
        after={"outcome": outcome, "found_at": found_at},
        organization_id=organization.id,
    )
    inbox.announce_leak(report)
    return True
