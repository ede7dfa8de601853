"""The file that a backup is: a tar archive with a manifest, whose digests tell a damaged or half-written one.

Shapes: members are `manifest.json`, `keys.json` and `database`, in this order.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from apim.backups.records import Summary
from apim.backups.refusal import BackupRefused

FORMAT: Final = 2
READS: Final = (1, 2)  # 1 knew nothing of files of records
MEMBERS: Final = ("keys.json", "database")
_MANIFEST: Final = "manifest.json"
_MAX_MANIFEST_BYTES: Final = 1 << 20
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Shapes: made_at RFC 3339; engine sqlite or postgresql; digests SHA-256 by member; records = the files of records
    beside it, None when there are none with it.
    """

    format: int
    made_at: str
    engine: str
    software: str
    digests: Mapping[str, str]
    records: Summary | None = None


def write(
    to: Path, *, made_at: str, engine: str, software: str, members: Mapping[str, Path], records: Summary | None = None
) -> Manifest:
    """The manifest of the archive that is at `to` now, whole and on the disk; only its owner may read it.

    Errors: BackupRefused when something is there already, or it cannot be written.
    """
    digests = {name: _digest(members[name]) for name in MEMBERS}
    manifest = Manifest(FORMAT, made_at, engine, software, digests, records)
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                _fill(out, manifest, members)
                out.flush()
                os.fsync(out.fileno())
            os.link(draft, to)  # unlike a rename, never over another backup
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError as error:
        raise BackupRefused(f"{to} exists already.", hint="Name another file.") from error
    except OSError as error:
        raise BackupRefused(f"{to} cannot be written: {error.strerror or error}.") from error
    return manifest


def unpack(source: Path, into: Path) -> Manifest:
    """The manifest of the archive, whose members are in `into` now, each with the digest it should have.

    Errors: BackupRefused for what is no backup, is damaged, or is of a later format.
    """
    try:
        with tarfile.open(source, "r:gz") as archive:
            manifest = _read_manifest(archive)
            for name in MEMBERS:
                _take_out(archive, name, into / name)
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BackupRefused(f"{source} cannot be read as a backup: {why}.") from error
    for name in MEMBERS:
        if _digest(into / name) != manifest.digests.get(name):
            raise BackupRefused(f"{source} is damaged: {name} is not what was backed up.", hint="Use another backup.")
    return manifest


def _fill(out: IO[bytes], manifest: Manifest, members: Mapping[str, Path]) -> None:
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as archive:
        body = json.dumps(asdict(manifest), indent=1).encode()
        entry = tarfile.TarInfo(_MANIFEST)
        entry.size, entry.mode = len(body), 0o600
        archive.addfile(entry, io.BytesIO(body))
        for name in MEMBERS:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = members[name].stat().st_size, 0o600
            with members[name].open("rb") as member:
                archive.addfile(entry, member)


def _read_manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    if first is None or first.name != _MANIFEST or first.size > _MAX_MANIFEST_BYTES:
        raise ValueError("it has no manifest")
    body = archive.extractfile(first)
    found = json.loads(body.read()) if body else None
    if not isinstance(found, dict):
        raise ValueError("its manifest says nothing")  # noqa: TRY004 - what is wrong is the file
    if found.get("format") not in READS:
        raise ValueError(f"it has format {found.get('format')}, and this version reads {FORMAT}")
    records = found.pop("records", None)
    return Manifest(**found, records=None if records is None else _summary(**records))


def _summary(files: object, bytes: object, list: object) -> Summary:  # noqa: A002 - as it is written
    if not isinstance(files, int) or not isinstance(bytes, int) or not isinstance(list, str):
        raise ValueError("what it says of files of records cannot be read")  # noqa: TRY004 - what is wrong is the file
    return Summary(files, bytes, list)


def _take_out(archive: tarfile.TarFile, name: str, to: Path) -> None:
    """A member by its place, never by the path that it names."""
    entry = archive.next()
    body = archive.extractfile(entry) if entry is not None and entry.name == name and entry.isfile() else None
    if body is None:
        raise ValueError(f"it has no {name}")
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while block := body.read(_BLOCK):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())


def _digest(file: Path) -> str:
    with file.open("rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()
