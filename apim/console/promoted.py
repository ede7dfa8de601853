"""What a promotion would change, in the words of the forms that change the same things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext, gettext_lazy

from apim.console.forms.ceilings import CeilingForm
from apim.console.setting_names import kind_title, named_settings, setting_words
from apim.gateways.models import Host
from apim.listing import clauses, enumerated, labelled
from apim.platform.promotion.changes import Change, Field

_KINDS: Final = {
    "version": gettext_lazy("Published revisions"),
    "policy": gettext_lazy("Policies of the environment"),
    "limits": gettext_lazy("Limits of client addresses"),
    "ceiling": gettext_lazy("Ceilings and defaults"),
    "issuer": gettext_lazy("Issuers of tokens"),
    "certificate": gettext_lazy("Certificates"),
    "host": gettext_lazy("Hosts"),
}
_FIELDS: Final = {
    "address_burst": gettext_lazy("Burst from one client address"),
    "address_rate_per_s": gettext_lazy("Calls per second from one client address"),
    "api": gettext_lazy("API"),
    "base_path": gettext_lazy("Base path"),
    "certificate_source": gettext_lazy("Its certificate is"),
    "client_ca": gettext_lazy("Authorities of client certificates"),
    "client_certificates": gettext_lazy("Client certificates"),
    "client_claim": gettext_lazy("Claim that names the client"),
    "hosts": gettext_lazy("Hosts"),
    "hsts_max_age_s": gettext_lazy("HSTS, seconds"),
    "is_for_all": gettext_lazy("For all organizations"),
    "is_redirected_to_https": gettext_lazy("Redirect plain HTTP to HTTPS"),
    "issuer": gettext_lazy("Issuer"),
    "jwks": gettext_lazy("Keys"),
    "jwks_url": gettext_lazy("Address of the keys"),
    "operations": gettext_lazy("Operations"),
    "organization": gettext_lazy("Organization"),
    "organizations": gettext_lazy("Organizations"),
    "policies": gettext_lazy("Policies"),
    "revision": gettext_lazy("Revision"),
    "settings": gettext_lazy("Settings"),
    "targets": gettext_lazy("Addresses of the service"),
    "version": gettext_lazy("Version"),
    **CeilingForm.Meta.labels,
}
_CHOICES: Final[Mapping[str, Mapping[Any, Any]]] = {
    "certificate_source": dict(Host.CertificateSource.choices),
    "client_certificates": dict(Host.ClientCertificates.choices),
}


def promoted_kind(kind: str) -> str:
    """The heading of a kind of what is promoted."""
    return str(_KINDS.get(kind, kind))


def item_words(change: Change) -> str:
    """The thing that changes: a policy by its title, others by their names."""
    return kind_title(change.item.label) if change.item.kind == "policy" else change.item.label


def field_words(field: Field) -> str:
    """What the field is called."""
    return str(_FIELDS.get(field.name, field.name))


def side_words(value: object, change: Change, field: Field) -> str:
    """A value of the field, or a word for none."""
    if value is None or value in ("", [], {}):
        return gettext("nothing")
    if field.name == "policies" and isinstance(value, list):
        return enumerated(map(kind_title, value))
    if change.item.kind == "policy" and isinstance(value, Mapping):
        return named_settings(change.item.label, value) or gettext("on")
    return setting_words(str(_CHOICES[field.name].get(value, value)) if field.name in _CHOICES else value)


def kept_words(kept: Sequence[str]) -> str:
    """What only the target has, by kind: `Hosts: a.example.com, b.example.com; Policies of the environment: CORS`."""
    by_kind: dict[str, list[str]] = {}
    for id_ in kept:
        kind, _, key = id_.partition(":")
        by_kind.setdefault(kind, []).append(kind_title(key) if kind == "policy" else key)
    return clauses(labelled(promoted_kind(kind), enumerated(names)) for kind, names in by_kind.items())
