"""balancing: which target of a pool gets a call."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.upstreams.names import field_name

KIND = "balancing"
ROUND_ROBIN, LEAST_REQUESTS, CONSISTENT_HASH, STICKY_COOKIE = ALGORITHMS = (
    "round-robin",
    "least-requests",
    "consistent-hash",
    "sticky-cookie",
)
SUBJECTS = ("address", "header", "cookie")
COOKIE = "apim-target"

DESCRIPTION = Description(
    KIND,
    "Balancing",
    "Which target gets a call. Only targets of the best priority that has a healthy one are chosen from.",
    (
        Setting(
            "algorithm",
            "Algorithm",
            "text",
            "In turns by share; fewest calls under way for their share; by the hash of something in the call, so that"
            " equal calls meet the same target; or by a cookie that the first answer sets.",
            default=ROUND_ROBIN,
            choices=ALGORITHMS,
        ),
        Setting(
            "hashOn",
            "Hash on",
            "text",
            "With consistent-hash: what is hashed. A call without that header or cookie is hashed by its address.",
            default="address",
            choices=SUBJECTS,
        ),
        Setting(
            "name",
            "Header or cookie",
            "text",
            "The header (one that services get too) or cookie that is hashed; with sticky-cookie the cookie.",
            f"`{COOKIE}` for sticky-cookie when left out.",
        ),
        Setting(
            "bound",
            "Bound",
            "number",
            "With consistent-hash: a target with more than so many percent of its share of the calls under way passes"
            " calls on to the next one.",
            "At least 100.",
            "125",
        ),
    ),
    "balancing: { algorithm: consistent-hash, hashOn: header, name: X-Session }",
)


@dataclass(frozen=True, slots=True)
class Balancing:
    """Shapes: name in lower case for headers, "" where none is needed. Units: bound in percent."""

    algorithm: str = ROUND_ROBIN
    hash_on: str = "address"
    name: str = ""
    bound: int = 125


def read(reader: SettingsReader) -> Balancing:
    """The settings; what is wrong is noted in the reader."""
    algorithm = reader.choice("algorithm", ALGORITHMS, ROUND_ROBIN)
    hash_on = reader.choice("hashOn", SUBJECTS, "address")
    name = field_name(reader, "name", COOKIE if algorithm == STICKY_COOKIE else "")
    if algorithm == CONSISTENT_HASH and hash_on != "address" and not name:
        reader.refuse("name", f"The {hash_on} to hash on is not named.", "Give it as name: X-Session.", 3)
    if algorithm == CONSISTENT_HASH and hash_on == "header":
        name = name.lower()
    return Balancing(algorithm, hash_on, name, reader.integer("bound", 125, least=100, most=10_000))


def dump(value: Balancing) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    named = {"name": value.name} if value.name else {}
    return {"algorithm": value.algorithm, "hashOn": value.hash_on, "bound": value.bound, **named}
