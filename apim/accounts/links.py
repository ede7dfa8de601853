"""Links in mails: always under the installation's own address, never under a Host header that a caller chose."""

from __future__ import annotations

from urllib.parse import urljoin

from django.conf import settings

from apim.accounts.models import Installation


def base_url() -> str:
    """The address people reach this installation at: as said at set-up, else as started."""
    stored = Installation.objects.values_list("base_url", flat=True).first()
    return (stored or settings.BASE_URL).rstrip("/")


def absolute_url(path: str) -> str:
    """path under the installation's address."""
    return urljoin(f"{base_url()}/", path.lstrip("/"))
