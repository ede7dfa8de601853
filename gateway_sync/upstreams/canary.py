"""canary: named groups of targets, called arms, and which callers meet which."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.upstreams.names import field_name

KIND = "canary"
SUBJECTS = ("caller", "call")
HEAVIEST = 10_000
_ARM = re.compile(r"([a-z0-9][a-z0-9-]{0,29})=(\d{1,5})")

DESCRIPTION = Description(
    KIND,
    "Canary and blue/green",
    "Targets with an arm form groups, and each arm gets its share of the calls. What the weights are now can be changed"
    " without a new revision, and changed back.",
    (
        Setting(
            "arms",
            "Arms",
            "words",
            "The arms with their weights; 0 takes no calls but those that ask for the arm.",
            "Such as stable=95 and canary=5.",
            is_required=True,
        ),
        Setting(
            "by",
            "Decided for each",
            "text",
            "caller: an application keeps its arm, by the hash of its id (of its address when it has none); call: by"
            " chance, call by call.",
            default="caller",
            choices=SUBJECTS,
        ),
        Setting("header", "Header", "text", "A call whose header names an arm meets that arm.", "Such as X-Arm."),
        Setting("cookie", "Cookie", "text", "The same by cookie.", "Such as arm."),
    ),
    "canary: { arms: [stable=95, canary=5], header: X-Arm }",
)


@dataclass(frozen=True, slots=True)
class Canary:
    """Shapes: arms are pairs of name and weight; header in lower case; "" = none."""

    arms: tuple[tuple[str, int], ...] = ()
    by: str = "caller"
    header: str = ""
    cookie: str = ""


def read(reader: SettingsReader) -> Canary:
    """The settings; what is wrong is noted in the reader."""
    reader.require("arms")
    arms: dict[str, int] = {}
    for text in reader.names("arms"):
        match = _ARM.fullmatch(text)
        if match is None or int(match[2]) > HEAVIEST or match[1] in arms:
            reader.refuse("arms", f'"{text}" is not an arm with its weight.', "Write each arm once, as canary=5.")
        else:
            arms[match[1]] = int(match[2])
    if arms and not any(arms.values()):
        reader.refuse("arms", "No arm has a weight above 0.")
    return Canary(
        tuple(arms.items()),
        reader.choice("by", SUBJECTS, "caller"),
        field_name(reader, "header").lower(),
        field_name(reader, "cookie"),
    )


def dump(value: Canary) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    named = {"header": value.header, "cookie": value.cookie}
    return {
        "arms": [f"{name}={weight}" for name, weight in value.arms],
        "by": value.by,
        **{name: text for name, text in named.items() if text},
    }
