"""The secrets of endpoints at rest: encrypted, bound to their endpoint."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from apim.webhooks.models import Endpoint


def sealed(endpoint: Endpoint, secret: str) -> bytes:
    """The secret, encrypted."""
    return settings.KEYRING.seal(secret.encode(), _context(endpoint))


def signing_secrets(endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
    """The secrets that sign now, the newest first: two during a roll."""
    boxes = [bytes(endpoint.secret_sealed)]
    if endpoint.previous_until is not None and endpoint.previous_until > now:
        boxes.append(bytes(endpoint.previous_secret_sealed))
    return tuple(settings.KEYRING.unseal(box, _context(endpoint)).decode() for box in boxes)


def _context(endpoint: Endpoint) -> str:
    return f"webhooks.endpoint.{endpoint.id}"
