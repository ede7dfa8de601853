"""Who issues tokens, as the policy jwt, registered issuers and the clients of applications name them.

Owns: what the name of an issuer, of a client and of a claim can be, and where the keys of an issuer are found.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

LONGEST_TEXT: Final = 512
ISSUER: Final = "issuer "  # begins a source of keys that is no address of keys
_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # it stands in WWW-Authenticate
_PLAIN = re.compile(r"[\x20-\x7e]+")


def source_of(issuer: str, jwks: str, jwks_url: str) -> str:
    """Where the keys of an issuer are fetched from: an address of keys, or ISSUER and who tells one; "" for nowhere."""
    if jwks_url:
        return jwks_url
    return ISSUER + issuer if not jwks and is_web_address(issuer) else ""


def client_text(environment: str, issuer: str, client_id: str, organization: str = "") -> str:
    """What the record of an application's client at an issuer is hashed from, in one environment.

    With an organization it is a client that only this organization's own APIs know: of keys that it chose itself.
    """
    lines = (environment, organization, issuer, client_id) if organization else (environment, issuer, client_id)
    return "\n".join(lines)


def is_client_text(text: str) -> bool:
    """True for what can be an issuer or a client id: visible characters and spaces, not too many."""
    return 0 < len(text) <= LONGEST_TEXT and _PLAIN.fullmatch(text) is not None


def is_claim_name(text: str) -> bool:
    """True for what can name a claim, and be told to callers."""
    return _NAME.fullmatch(text) is not None


def is_web_address(text: str) -> bool:
    """True for a URL that keys may be fetched from: https, or http to a host of one word, such as a laptop's own."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_plain = not parts.username and not parts.password and not parts.fragment and is_client_text(text)
    is_near = parts.scheme == "http" and ("." not in host or host == "127.0.0.1")
    return is_plain and bool(host) and (parts.scheme == "https" or is_near)
