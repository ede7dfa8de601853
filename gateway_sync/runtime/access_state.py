"""AccessState: the access records of a gateway on disk, and what a page of the access log changes in them.

Owns: the order of sequence numbers, which never go back; that a whole table replaces another one only whole. On disk:
a flat file that workers map, and beside it a log of what changed since, each line with its checksum.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway_sync.runtime.access_doubts import Doubts
from gateway_sync.runtime.access_file import AccessFile, AccessFileInvalid, Body, encode_records, write_access_file
from gateway_sync.runtime.access_sum import AccessSum
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.snapshot import AccessCheck, digest, page_bytes
from gateway_sync.wire_values import read_body

logger = logging.getLogger(__name__)

COMPACT_AFTER = 20_000  # changes over the access file before it is written anew
_CRC_DIGITS = 8

Change = tuple[bytes, Body | None]

_NO_RECORDS: Final = msgspec.Raw(b"[]")

_RECORDS = msgspec.json.Decoder(list[tuple[str, str, Mapping[str, Any] | None]])
_CHANGES = msgspec.json.Decoder(tuple[int, list[Change]])


class AccessPage(msgspec.Struct, frozen=True):
    """Access records after one sequence number up to another; is_full = what was known before is void.

    Shapes: records as they came, byte for byte, which is what the signature covers; "" = not signed.
    """

    after: int
    upto: int
    is_full: bool = False
    records: msgspec.Raw = _NO_RECORDS
    more: bool = False
    signature: str = ""

    def signed_content(self, environment: str) -> bytes:
        """What its signature should cover."""
        records = digest(bytes(self.records))
        return page_bytes(environment, self.after, self.upto, records, is_full=self.is_full, more=self.more)

    def changes(self) -> tuple[Change, ...]:
        """The records in the form they are kept in. Errors: ValueError for any other shape."""
        return tuple(encode_records(read_body(_RECORDS.decode, bytes(self.records))))


@dataclass(frozen=True, slots=True)
class AccessTaken:
    """What a page changed: single changes or a new file; upto 0 = nothing. refusal says why it was not believed."""

    changes: tuple[Change, ...] = ()
    upto: int = 0
    file: Path | None = None
    is_incomplete: bool = False
    refusal: str = ""
    is_refused: bool = False  # and that was told already
    is_vouched: bool = False  # with it the records here are those of the control plane


class AccessState:
    """The access records of one gateway. One writer: the supervisor."""

    def __init__(self, folder: Path) -> None:
        """Reads what is on disk; what is damaged is passed over and asked for again. Errors: OSError."""
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self.table, self.file, self._sum = self._read()
        self.is_behind = False  # the disk lacks something that is in force
        self._staged: dict[bytes, Body] | None = None
        self._staged_upto = 0
        self._asked_after = 0
        self._doubts = Doubts()

    def _read(self) -> tuple[AccessTable, Path | None, AccessSum]:
        for path in sorted(self._folder.glob("*.map"), reverse=True):
            try:
                table = AccessTable(AccessFile(path, is_checked=True))
            except (AccessFileInvalid, OSError) as error:
                logger.warning("access records %s are passed over: %s", path.name, error)
                continue
            known = AccessSum(table.base)
            for changes, upto in _read_log(path.with_suffix(".log")):
                _apply(table, known, changes, upto)
            return table, path, known
        return AccessTable(None), None, AccessSum(None)

    def ask_after(self) -> int:
        """The number after which the control plane is to go on."""
        self._asked_after = self._staged_upto or (0 if self._doubts.are_serious else self.table.seq)
        return self._asked_after

    def take(self, page: AccessPage, *, is_pushed: bool) -> AccessTaken:
        """Check a page and keep what it brings.

        Errors: OSError when a whole table cannot be written; single changes are in force even when they cannot.
        """
        if is_pushed and (page.is_full or page.more or page.after > self.table.seq or self._staged is not None):
            return AccessTaken(is_incomplete=True)
        if page.is_full and page.upto < self._asked_after:
            return AccessTaken(refusal=f"its access records end at number {page.upto}, those here at {self.table.seq}")
        if page.upto <= self.table.seq and not page.is_full and self._staged is None:
            return AccessTaken()
        try:
            changes = page.changes()
        except ValueError as error:
            return AccessTaken(refusal=f"its access records cannot be read: {error}")
        if page.is_full or self._staged is not None:
            return self._take_full(page, changes)
        _apply(self.table, self._sum, changes, page.upto)
        self._doubts.note(self.table.seq, self._sum.text())
        path = self._keep(changes, page.upto)
        return AccessTaken(() if path else changes, page.upto, path, page.more)

    def _take_full(self, page: AccessPage, changes: Iterable[Change]) -> AccessTaken:
        """Pages of a whole table are put aside until the last one is here: half a table would refuse good keys."""
        if page.is_full or self._staged is None:
            self._staged = {}
        for name, body in changes:
            if body is None:
                self._staged.pop(name, None)
            else:
                self._staged[name] = body
        self._staged_upto = page.upto
        if page.more:
            return AccessTaken(is_incomplete=True)
        staged, self._staged, self._staged_upto = self._staged, None, 0
        self._doubts.end()
        if not staged and self.table.all_records():
            return AccessTaken(refusal="it has no access records at all, and nothing is never taken for all deleted")
        path = self._write_file(staged, page.upto)
        self._sum = AccessSum(self.table.base)
        return AccessTaken((), page.upto, path)

    def compare(self, check: AccessCheck) -> bool | None:
        """Whether the records are those of the control plane; None = not known, for now.

        False = they are not, by two digests that were taken one after the other: then all are asked for anew.
        """
        if self._staged is not None:
            return None
        self._sum.begin()
        return self._doubts.compare(check, self.table.seq, self._sum.text())

    def _keep(self, changes: tuple[Change, ...], upto: int) -> Path | None:
        """Append to the log, or write the file anew when the log is long or there is no file; that file then.

        A full disk must not keep a revocation from the workers: then the disk is behind until `catch_up` succeeds.
        """
        try:
            if self.is_behind or self.file is None or len(self.table.changes) > COMPACT_AFTER:
                return self._write_file(self.table.all_records(), upto)
            _append(self.file.with_suffix(".log"), msgspec.json.encode((upto, changes)))
        except OSError as error:
            self.is_behind = True
            logger.error("access changes up to %d are in force but not on disk: %s", upto, error)  # noqa: TRY400 - the disk, no bug
        return None

    def catch_up(self) -> Path | None:
        """Try again to write what a full disk did not take; the new file when it worked."""
        if not self.is_behind:
            return None
        try:
            return self._write_file(self.table.all_records(), self.table.seq)
        except OSError:
            return None

    def _write_file(self, records: Mapping[bytes, Body], seq: int) -> Path:
        old = list(self._folder.glob("*"))
        newest = max((int(path.stem.split("-")[0]) for path in old if path.suffix == ".map"), default=0)
        path = self._folder / f"{newest + 1:012d}-{seq}.map"
        try:
            write_access_file(path, seq, records)
        except OSError:
            path.with_suffix(".new").unlink(missing_ok=True)
            raise
        self.table, self.file = AccessTable(AccessFile(path)), path
        self.is_behind = False
        for left in old:
            left.unlink(missing_ok=True)
        return path


def _apply(table: AccessTable, known: AccessSum, changes: Iterable[Change], upto: int) -> None:
    """Take changes in, and what stands for all records with them."""
    for change in changes:
        name, body = change
        known.change(name, table.body(name), body)
        table.apply((change,), upto)
    table.apply((), upto)


def _append(path: Path, content: bytes) -> None:
    """A line with its checksum, on disk when this returns. Errors: OSError."""
    with path.open("ab") as log:
        log.write(b"%0*x " % (_CRC_DIGITS, zlib.crc32(content)) + content + b"\n")
        log.flush()
        os.fsync(log.fileno())


def _read_log(path: Path) -> list[tuple[list[Change], int]]:
    """The changes logged beside an access file, up to a line that is damaged; from there on the log is cut off.

    What follows a damaged line is asked for again, and what is appended next must not stand behind it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    found: list[tuple[list[Change], int]] = []
    length = 0
    for line in content.splitlines(keepends=True):
        checksum, text = line[:_CRC_DIGITS], line[_CRC_DIGITS + 1 : -1]
        if not line.endswith(b"\n") or checksum != b"%0*x" % (_CRC_DIGITS, zlib.crc32(text)):
            logger.warning("access log %s is damaged after %d bytes", path.name, length)
            os.truncate(path, length)
            break
        upto, changes = _CHANGES.decode(text)
        found.append((changes, upto))
        length += len(line)
    return found
