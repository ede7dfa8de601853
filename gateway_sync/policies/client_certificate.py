"""client-certificate: a certificate that an application registered (RFC 8705 thinking) as a way to say who calls.

Owns: the settings, and under which text an application's certificate is found. That the certificate is good is decided
in the handshake and by its host; here it only names an application. Services are told of it in Client-Cert (RFC 9440).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "client-certificate"

DESCRIPTION = Description(
    KIND,
    "Client certificates as credentials",
    "Admits calls whose TLS client certificate belongs to an application here: one more way beside API keys, unless"
    " they are turned off. It works under hosts that ask for client certificates; they say who may issue them.",
    (
        Setting(
            "only", "Certificates only", "flag", "Keys, tokens and anonymous calls pass no longer.", default="false"
        ),
    ),
    "client-certificate: { only: true }",
    "unauthenticated",
    has_shadow=False,
)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """is_only = no other way to say who calls is open."""

    is_only: bool = False


POLICY = ClientCertificate


def certificate_text(environment: str, fingerprint: str) -> str:
    """What the record of an application's certificate is hashed from; no issuer is "", so no client ever has it.

    Shapes: fingerprint is the SHA-256 of the certificate, lower-case hex.
    """
    return f"{environment}\n\n{fingerprint}"


def parse(settings: Mapping[str, object], where: Where) -> tuple[ClientCertificate | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = ClientCertificate(reader.flag("only", default=False))
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: ClientCertificate) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"only": policy.is_only}
