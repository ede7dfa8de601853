"""healthCheck: asks each target from time to time whether it can serve."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "healthCheck"
PROTOCOLS = ("http", "tcp")

DESCRIPTION = Description(
    KIND,
    "Health check",
    "Each gateway asks each target from time to time whether it can serve, once for all of its workers.",
    (
        Setting(
            "protocol",
            "Protocol",
            "text",
            "http sends a GET; tcp only connects, and so does http to targets that speak HTTP/2. With https, over TLS.",
            default="http",
            choices=PROTOCOLS,
        ),
        Setting(
            "path",
            "Path",
            "text",
            "The path that is asked for, after that of the target's URL.",
            "Such as /health.",
            "/",
        ),
        Setting("status", "Status", "number", "The status of a healthy target.", "Any from 200 to 299 when left out."),
        Setting("interval", "Every", "duration", "How often each target is asked.", "Such as 10s.", "10s"),
        Setting("timeout", "Timeout", "duration", "An answer that takes longer is a failure.", "Such as 2s.", "2s"),
        Setting(
            "healthy", "Healthy after", "number", "So many good answers in a row bring a target back.", default="2"
        ),
        Setting("unhealthy", "Unhealthy after", "number", "So many failures in a row take a target out.", default="3"),
    ),
    "healthCheck: { path: /health, interval: 10s }",
    "no-healthy-target",
)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Shapes: status 0 = any 2xx."""

    protocol: str = "http"
    path: str = "/"
    status: int = 0
    interval_ms: int = 10_000
    timeout_ms: int = 2000
    healthy: int = 2
    unhealthy: int = 3


def read(reader: SettingsReader) -> HealthCheck:
    """The settings; what is wrong is noted in the reader."""
    path = reader.text("path", "/")
    if (
        not path.startswith("/")
        or not path.isascii()
        or any(character <= " " or character == "#" for character in path)
    ):
        reader.refuse("path", f'"{path}" cannot be asked for.', "Write a path that begins with /, such as /health.")
    interval_ms = reader.duration_ms("interval", 10_000)
    if interval_ms < 100:  # noqa: PLR2004 - named in the message
        reader.refuse("interval", "A check more often than each 100 ms is a load of its own.", "Write 10s.")
    return HealthCheck(
        reader.choice("protocol", PROTOCOLS, "http"),
        path,
        reader.integer("status", 0, least=0, most=599),
        interval_ms,
        max(1, reader.duration_ms("timeout", 2000)),
        reader.integer("healthy", 2, least=1, most=100),
        reader.integer("unhealthy", 3, least=1, most=100),
    )


def dump(value: HealthCheck) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {
        "protocol": value.protocol,
        "path": value.path,
        "status": value.status,
        "interval": f"{value.interval_ms}ms",
        "timeout": f"{value.timeout_ms}ms",
        "healthy": value.healthy,
        "unhealthy": value.unhealthy,
    }
