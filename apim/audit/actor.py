"""Who does something, as every write service is told."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """Shapes: kind is user, token, gateway or system; label is what people read, an e-mail address or a name.

    Units: labels are cut to what the columns hold that keep them.
    """

    kind: str
    id: str
    label: str

    def __post_init__(self) -> None:
        """Cut the label: an e-mail address may have 254 characters."""
        object.__setattr__(self, "label", self.label[:LONGEST_LABEL])


def system_actor(label: str) -> Actor:
    """An actor for what the product does by itself, such as `system_actor("retention")`."""
    return Actor("system", "", label)
