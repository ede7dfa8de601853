"""AccessTable: the access records in force: a mapped file, and over it what changed since it was written."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway_sync.runtime.access_file import BY_APPLICATION, AccessFile, Body, record_name, split_name
from gateway_sync.runtime.core.access import Record


class AccessTable:
    """Finds records; the Records of the core.

    Shapes: seq is that of the last change applied; changes holds what is newer than the file, None for removed.
    """

    def __init__(self, base: AccessFile | None) -> None:
        """No base: nobody is known."""
        self.base = base
        self.seq = base.seq if base else 0
        self.changes: dict[bytes, Body | None] = {}
        self._by_application: dict[str, set[str]] = {}

    def apply(self, records: Iterable[tuple[bytes, Body | None]], upto: int) -> None:
        """Take changes in; a change known already does no harm."""
        for name, body in records:
            self.changes[name] = body
            kind, key = split_name(name)
            if kind == "subscription" and body is not None:
                for application in msgspec.json.decode(body)["applications"]:
                    self._by_application.setdefault(application, set()).add(key)
        self.seq = max(self.seq, upto)

    def all_records(self) -> dict[bytes, Body]:
        """Everything in force, to be written as the next file."""
        merged = dict(self.base.records()) if self.base else {}
        for name, body in self.changes.items():
            if body is None:
                merged.pop(name, None)
            else:
                merged[name] = body
        return merged

    def body(self, name: bytes) -> Body | None:
        """The body of the record with this name, encoded; None when there is none."""
        if name in self.changes:
            return self.changes[name]
        return self.base.find(name) if self.base else None

    def find(self, kind: str, key: str) -> Record | None:
        """The body of the record, None when there is none."""
        body = self.body(record_name(kind, key))
        return None if body is None else msgspec.json.decode(body)

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """(id, body) of each subscription that lists the application now."""
        listed = self.base.find(record_name(BY_APPLICATION, application)) if self.base else None
        ids = self._by_application.get(application, set()) | set(msgspec.json.decode(listed) if listed else ())
        found = [(key, self.find("subscription", key)) for key in sorted(ids)]
        return [(key, body) for key, body in found if body is not None and application in body["applications"]]
