"""Field edits: the settings `set`, `add` and `remove` of the kinds that change header fields, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gateway_sync.policies.placeholders import LISTED, Text, unknown_names
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import Fields, RequestView, fault_of_field, is_field_value

Pairs = tuple[tuple[str, str], ...]

_MOST = 50
# What says how the content is coded: changed without the content it would lie.
_OF_CONTENT = frozenset({"content-encoding", "content-range"})


@dataclass(frozen=True)
class FieldEdits:
    """What is done to the fields of a message. Shapes: pairs of name and text with placeholders."""

    set: Pairs = ()
    add: Pairs = ()
    remove: tuple[str, ...] = ()

    @cached_property
    def _set(self) -> tuple[tuple[str, Text], ...]:
        return tuple((name, Text(text)) for name, text in self.set)

    @cached_property
    def _add(self) -> tuple[tuple[str, Text], ...]:
        return tuple((name, Text(text)) for name, text in self.add)

    @cached_property
    def _texts(self) -> tuple[Text, ...]:
        return tuple(text for _, text in (*self._set, *self._add))

    @cached_property
    def is_fixed(self) -> bool:
        """True when the same is done to every message."""
        return all(text.is_fixed for text in self._texts)

    @cached_property
    def is_of_caller(self) -> bool:
        """True when the same is done to every message of one caller at one address."""
        return all(text.is_of_caller for text in self._texts)

    def edit(self, fields: Fields, request: RequestView) -> None:
        """Change the fields. A value that comes out empty removes its field: nobody's own value stands in for it."""
        for name in self.remove:
            fields.remove(name)
        for name, text in self._set:
            value = text.render(request)
            if value:
                fields.set(name, value)
            else:
                fields.remove(name)
        for name, text in self._add:
            if value := text.render(request):
                fields.add(name, value)


def read_edits(reader: SettingsReader, *, is_answer: bool) -> tuple[Pairs, Pairs, tuple[str, ...]]:
    """(set, add, remove), checked; one of them must hold something."""
    found_set, found_add, removed = reader.pairs("set"), reader.pairs("add"), reader.names("remove")
    if not (found_set or found_add or removed):
        reader.refuse("", "Say what to set, add or remove.", number=3)
    for field, pairs in (("set", found_set), ("add", found_add)):
        for name, text in pairs:
            check_value(reader, field, name, text)
    names = [("set", name) for name, _ in found_set] + [("add", name) for name, _ in found_add]
    for field, name in (*names, *(("remove", name) for name in removed)):
        if fault := fault_of_field(name, is_answer=is_answer):
            reader.refuse(field, fault)
        elif name.lower() in _OF_CONTENT:
            reader.refuse(field, f'"{name}" tells how the content is coded and stays as it is.')
    if len(found_set) + len(found_add) + len(removed) > _MOST:
        reader.refuse("", f"At most {_MOST} fields.")
    return found_set, found_add, removed


def check_value(reader: SettingsReader, field: str, name: str, text: str) -> None:
    """Refuse a value that cannot be sent, or a placeholder that is not on the list."""
    if not is_field_value(text) or len(text) > 4096:  # noqa: PLR2004 - longer ones are refused by most services
        reader.refuse(field, f'The value of "{name}" cannot be sent in a header.')
    for unknown in unknown_names(text):
        reader.refuse(field, f'"{unknown}" is no placeholder.', f"Known: {LISTED}.")


def dump_edits(edits: FieldEdits) -> dict[str, object]:
    """Canonical settings; read_edits reads them back."""
    return {"set": dict(edits.set), "add": dict(edits.add), "remove": list(edits.remove)}
