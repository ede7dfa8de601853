"""Names of header fields and cookies in settings: both are tokens (RFC 9110 section 5.6.2, RFC 6265 section 4.1.1)."""

from __future__ import annotations

import re

from gateway_sync.policies.settings import SettingsReader

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def field_name(reader: SettingsReader, field: str, default: str = "") -> str:
    """A token, or the default; anything else is noted in the reader."""
    name = reader.text(field, default)
    if name and not _TOKEN.fullmatch(name):
        reader.refuse(field, f'"{name}" cannot name a header or cookie.', "Write a name such as X-Session.")
        return default
    return name
