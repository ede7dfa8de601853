"""tls: whom the gateway trusts behind https targets, and who it says it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "tls"
VERSIONS = ("1.2", "1.3")

DESCRIPTION = Description(
    KIND,
    "TLS",
    "How targets with https are verified. Without this group: by the authorities of the gateway's system, under the"
    " target's own name, with TLS 1.2 at least.",
    (
        Setting(
            "ca",
            "Authorities",
            "lines",
            "PEM certificates of the only authorities that are trusted, in place of the system's.",
            "In documents, `{ $file: ./ca.pem }` may stand for it.",
        ),
        Setting(
            "serverName",
            "Server name",
            "text",
            "The name that is asked for (SNI) and that the certificate must have; the target's own when left out.",
            "Such as orders.internal.",
        ),
        Setting(
            "clientCertificate",
            "Client certificate",
            "text",
            "The name of the certificate that the gateway shows, one of the API's organization.",
        ),
        Setting("minimumVersion", "Oldest version", "text", "The oldest TLS that is spoken.", "", "1.2", VERSIONS),
        Setting(
            "verify",
            "Verify",
            "flag",
            "Off, anybody may play the service. Only where the environment allows it, never in production.",
            "",
            "true",
        ),
    ),
    "tls: { serverName: orders.internal, clientCertificate: orders-client, minimumVersion: '1.3' }",
    "upstream-unreachable",
)

_PEM = re.compile(r"\s*(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_LONGEST_CA = 100_000


@dataclass(frozen=True, slots=True)
class TLS:
    """Shapes: ca is PEM, "" = the system's; server_name "" = the target's host; client_certificate is a name."""

    ca: str = ""
    server_name: str = ""
    client_certificate: str = ""
    minimum_version: str = "1.2"
    verify: bool = True


def read(reader: SettingsReader) -> TLS:
    """The settings; what is wrong is noted in the reader."""
    ca = reader.text("ca").strip()
    if ca and (len(ca) > _LONGEST_CA or not _PEM.fullmatch(ca)):
        hint = "A certificate begins with -----BEGIN CERTIFICATE-----."
        reader.refuse("ca", "These are no PEM certificates.", hint)
    server_name = reader.text("serverName").strip().lower()
    if server_name and not _NAME.fullmatch(server_name):
        reader.refuse("serverName", f'"{server_name[:80]}" is no host name.', "Write it like orders.internal.")
    return TLS(
        ca=ca,
        server_name=server_name,
        client_certificate=reader.text("clientCertificate").strip(),
        minimum_version=reader.choice("minimumVersion", VERSIONS, "1.2"),
        verify=reader.flag("verify", default=True),
    )


def dump(value: TLS) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {
        "ca": value.ca,
        "serverName": value.server_name,
        "clientCertificate": value.client_certificate,
        "minimumVersion": value.minimum_version,
        "verify": value.verify,
    }
