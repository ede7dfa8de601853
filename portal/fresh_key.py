"""The key that was just made: shown on the pages that follow, then gone. Kept sealed in the session, nowhere else."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from django.conf import settings

from apim.ui.secrets import keep_unstored

if TYPE_CHECKING:
    from django.http import HttpRequest

    from apim.access.services import IssuedKey

KEPT_S = 15 * 60
_SESSION_KEY = "fresh_key"
_CONTEXT = "portal.fresh_key"


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key that its owner can still read, and whose it is."""

    key: str
    credential_id: str
    application_id: str
    made_at: float = 0.0  # seconds since the epoch


def remember(request: HttpRequest, issued: IssuedKey) -> None:
    """Keep the key for the flow; it replaces the one before."""
    request.session[_SESSION_KEY] = {
        "sealed": base64.b64encode(settings.KEYRING.seal(issued.key.encode(), _CONTEXT)).decode(),
        "credential": issued.credential.id,
        "application": issued.credential.application_id,
        "made_at": time.time(),
    }


def recall(request: HttpRequest) -> FreshKey | None:
    """The key of the flow; None when there is none or it has been kept for long enough."""
    kept = request.session.get(_SESSION_KEY)
    if kept is None:
        return None
    if time.time() - kept["made_at"] > KEPT_S:
        forget(request)
        return None
    try:
        key = settings.KEYRING.unseal(base64.b64decode(kept["sealed"]), _CONTEXT).decode()
    except InvalidTag:  # sealed by an installation's earlier keys
        forget(request)
        return None
    keep_unstored(request)  # some page shows it now
    return FreshKey(key, kept["credential"], kept["application"], kept["made_at"])


def forget(request: HttpRequest) -> None:
    """Drop the key of the flow."""
    request.session.pop(_SESSION_KEY, None)
