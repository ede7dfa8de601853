"""What an OpenAPI document says of who may call, in words for the review of an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apim.catalog.openapi import read_contract

_LISTED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to say who one is. Shapes: policy is the kind that enforces it here, "" = none does."""

    name: str
    words: str
    policy: str


def schemes_of(document_text: str) -> list[Scheme]:
    """The security schemes of a document, as it names them; [] for one without any, or that cannot be read."""
    components = read_contract(document_text).data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    if not isinstance(schemes, Mapping):
        return []
    listed = list(schemes.items())[:_LISTED_AT_MOST]
    return [_scheme(str(name)[:80], value) for name, value in listed if isinstance(value, Mapping)]


def _scheme(name: str, value: Mapping[str, object]) -> Scheme:
    kind, scheme = str(value.get("type", "")), str(value.get("scheme", "")).lower()
    if kind == "apiKey":
        told = _("API key in the %(place)s %(name)s")
        return Scheme(name, told % {"place": value.get("in", ""), "name": value.get("name", "")}, "key-auth")
    if kind == "http" and scheme == "basic":
        return Scheme(name, _("User name and password"), "key-auth")
    if kind == "http":
        return Scheme(name, _("Bearer token"), "jwt")
    if kind in {"oauth2", "openIdConnect"}:
        return Scheme(name, _("Tokens of an identity provider"), "jwt")
    if kind == "mutualTLS":
        return Scheme(name, _("Client certificate"), "client-certificate")
    return Scheme(name, kind or _("not said"), "")
