"""http: which HTTP the services speak."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "http"
VERSIONS = ("1.1", "2")

DESCRIPTION = Description(
    KIND,
    "HTTP",
    "Which HTTP the targets speak. With 2, gRPC passes, streams and trailers included, for callers who come by HTTP/2;"
    " calls share connections.",
    (
        Setting(
            "version",
            "Version",
            "text",
            "`2` is agreed on in the handshake with https targets, and taken for granted with http ones.",
            "",
            "1.1",
            VERSIONS,
        ),
    ),
    "http: { version: '2' }",
    "upstream-unreachable",
)


@dataclass(frozen=True, slots=True)
class HTTP:
    """Shapes: version is 1.1 or 2."""

    version: str = "1.1"


def read(reader: SettingsReader) -> HTTP:
    """The settings; what is wrong is noted in the reader."""
    return HTTP(reader.choice("version", VERSIONS, "1.1"))


def dump(value: HTTP) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {"version": value.version}
