"""AppliedPolicy: a policy with what every policy may have: the operations that it is for, and shadow.

Owns: reading these two settings. Must not know: any policy kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.patterns import is_pattern
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

OPERATIONS = Setting(
    "operations",
    "Only for these operations",
    "words",
    "The operations that the policy is for; all when left out.",
    "A method or * and a path, as in products: GET /accounts/{id}, GET /accounts*.",
)
SHADOW = Setting(
    "shadow",
    "Shadow: count only",
    "flag",
    "What the policy would have done is counted and shown, and not done.",
    default="false",
)
_MOST_PATTERNS = 100


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """Shapes: value is the kind's own frozen dataclass; operations are patterns, none = all."""

    kind: str
    value: object
    operations: tuple[str, ...] = ()
    is_shadow: bool = False


def common_settings(description: Description) -> tuple[Setting, ...]:
    """Those of the common settings that policies of a kind may have."""
    return (OPERATIONS,) * description.has_operations + (SHADOW,) * description.has_shadow


def split_settings(settings: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The common settings, and the kind's own."""
    names = (OPERATIONS.name, SHADOW.name)
    common = {name: value for name, value in settings.items() if name in names}
    return common, {name: value for name, value in settings.items() if name not in names}


def read_common(
    description: Description, common: Mapping[str, object], where: Where
) -> tuple[tuple[str, ...], bool, tuple[Problem, ...]]:
    """(operations, is_shadow, problems)."""
    if not common:
        return (), False, ()
    reader = SettingsReader("policy", common, where)
    operations = reader.names(OPERATIONS.name)
    is_shadow = reader.flag(SHADOW.name, default=False)
    for text in operations:
        if not is_pattern(text):
            reader.refuse(
                OPERATIONS.name,
                f'"{text}" does not name operations.',
                'Write "GET /accounts*" or "* /accounts/{id}".',
                4,
            )
    if len(operations) > _MOST_PATTERNS:
        reader.refuse(OPERATIONS.name, f"At most {_MOST_PATTERNS} patterns.", number=4)
    if operations and not description.has_operations:
        reader.refuse(OPERATIONS.name, f'"{description.kind}" is for all operations.', "Leave it out.", 5)
    if is_shadow and not description.has_shadow:
        message = f'"{description.kind}" cannot run in shadow: it refuses and changes nothing that could be counted.'
        reader.refuse(SHADOW.name, message, "Leave it out.", 6)
    return operations, is_shadow, reader.problems()
