"""mirror: a share of the calls is sent to another service as well, whose answers nobody sees."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "mirror"

DESCRIPTION = Description(
    KIND,
    "Mirroring",
    "A share of the calls is sent to another service as well. Its answers are thrown away; callers never wait for it.",
    (
        Setting(
            "url", "URL", "text", "The service that gets the copies.", "Such as http://next.internal:8080.",
            is_required=True,
        ),
        Setting("share", "Share", "number", "Percent of the calls that are copied.", default="100"),
        Setting(
            "most", "Copies at once", "number", "So many under way for each worker; further ones are not made.",
            default="16",
        ),
        Setting("body", "Body", "size", "A call with a larger body is not copied.", "Such as 64KiB.", "64KiB"),
    ),
    "mirror: { url: http://next.internal:8080, share: 10 }",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mirror:
    """Shapes: url unchecked; the compiler checks it like a target's. Units: share in percent."""

    url: str = ""
    share: int = 100
    most: int = 16
    max_body_bytes: int = 65_536


def read(reader: SettingsReader) -> Mirror:
    """The settings; what is wrong is noted in the reader."""
    reader.require("url")
    return Mirror(
        reader.text("url"),
        reader.integer("share", 100, least=1, most=100),
        reader.integer("most", 16, least=1, most=1000),
        reader.size_bytes("body", 65_536),
    )


def dump(value: Mirror) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {"url": value.url, "share": value.share, "most": value.most, "body": value.max_body_bytes}
