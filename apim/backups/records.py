"""The files of records beside a backup: a folder with a copy of each, and a list of their digests.

They may be many terabytes, so they are no part of the archive: each is copied once, in one pass that digests it, and
linked by the backups after it that lie in the same folder. A file is written once and never changed, and its name was
nothing else's before, so whoever is killed goes on with what is there already. What is linked would decay unnoticed, so
each backup looks at the size of every file and reads a part of them again; a damaged one is copied anew.

Shapes: the folder of `monday.backup` is `monday.backup.records`; its list is that of the program sha256sum.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from apim.backups.refusal import BackupRefused

LIST: Final = "SHA256SUMS"
_SUFFIX: Final = ".records"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,100}\.parquet")  # and no path
_LINE: Final = re.compile(rf"([0-9a-f]{{64}})  ({_NAME.pattern})")
_BLOCK: Final = 1 << 20
READ_WITHIN: Final = 29  # daily backups: a prime, so that weekly ones come to every part as well


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup says of its records. Shapes: list is the digest of the list of digests."""

    files: int
    bytes: int
    list: str


def folder_of(backup: Path) -> Path:
    """Where the records of a backup are."""
    return backup.with_name(backup.name + _SUFFIX)


class Kept:
    """The copies that are made for one backup.

    Shapes: damaged = files that earlier backups have, and not whole; changed = those of which what was copied in their
    place is not what it was either: both are damaged, and an older backup elsewhere may have them whole.
    """

    def __init__(self, backup: Path, source: Path, day: date) -> None:
        """source is the folder that the product writes to; the day says which of the files are read again."""
        self._folder, self._source, self._day = folder_of(backup), source, day
        self.damaged: list[str] = []
        self.changed: list[str] = []
        self._digests = _listed(self._folder)
        self._earlier = _earlier(backup.parent, self._folder)

    def take(self, names: Collection[str]) -> list[str]:
        """Copy what is not here yet of the files; those that are gone at their source. Errors: BackupRefused."""
        if strange := [name for name in names if not _NAME.fullmatch(name)]:  # of a database that others made
            told = f"The database notes a file of records by a name that none has: {strange[0]!r}."
            raise BackupRefused(told, hint="Leave the records out: --without-records.")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            missing = [name for name in sorted(names) if not self._is_here(name)]
            self._require_room(missing)
            return [name for name in missing if not self._take(name)]
        except OSError as error:
            raise BackupRefused(f"Files of records cannot be copied: {error}.", hint=_ANEW) from error

    def finish(self, names: Collection[str]) -> Summary:
        """What is here of the names, all of it on the disk, and nothing else. Errors: BackupRefused."""
        try:
            lines = "".join(f"{self._digests[name]}  {name}\n" for name in sorted(names)).encode()
            draft = self._folder / f".{LIST}"
            draft.write_bytes(lines)
            _sync(draft)
            draft.rename(self._folder / LIST)
            known = {*names, LIST}
            for path in self._folder.iterdir():
                if path.name not in known:
                    path.unlink()
            _sync(self._folder)
            size = sum((self._folder / name).stat().st_size for name in names)
        except OSError as error:
            raise BackupRefused(f"Files of records cannot be copied: {error}.", hint=_ANEW) from error
        return Summary(len(names), size, hashlib.sha256(lines).hexdigest())

    def _is_here(self, name: str) -> bool:
        return name in self._digests and (self._folder / name).exists()

    def _require_room(self, missing: Iterable[str]) -> None:
        sizes = [_size(self._source / name) for name in missing if name not in self._earlier]
        free = shutil.disk_usage(self._folder).free
        if sum(sizes) > free:
            needed = f"{sum(sizes) / 1e9:,.1f} GB of records are to be copied, and {free / 1e9:,.1f} GB are free"
            raise BackupRefused(f"{needed} at {self._folder}.", hint="Make room, or leave them out: --without-records.")

    def _take(self, name: str) -> bool:
        """False when it is not at its source any more."""
        digest = self._link(name) or self._copy(name)
        if not digest:
            return False
        if name in self._earlier and digest != self._earlier[name][0]:  # a name is one content's for ever
            self.changed.append(name)
        self._digests[name] = digest
        with (self._folder / LIST).open("a") as listed:  # who goes on after a kill need not read the file again
            listed.write(f"{digest}  {name}\n")
        return True

    def _link(self, name: str) -> str:
        """The digest of a file that an earlier backup has, now here as well; "" where that cannot be."""
        if name not in self._earlier:
            return ""
        digest, path = self._earlier[name]
        if not self._is_whole(path, digest):
            self.damaged.append(name)
            return ""
        (self._folder / name).unlink(missing_ok=True)
        try:
            os.link(path, self._folder / name)
        except OSError:  # another disk, a file system without links, or too many of them
            return ""
        return digest

    def _is_whole(self, path: Path, digest: str) -> bool:
        """False when a file that is to be linked is not what it was, as far as that is looked at today.

        Of two sizes either may be the wrong one: only the digest tells which.
        """
        source = self._source / path.name
        try:
            is_doubted = source.exists() and source.stat().st_size != path.stat().st_size
            return not (is_doubted or _is_read_on(self._day, path.name)) or _digest(path) == digest
        except OSError:  # it is gone, or its disk does not give it back
            return False

    def _copy(self, name: str) -> str:
        try:
            return _copied(self._source / name, self._folder / name)
        except FileNotFoundError:
            return ""


def _is_read_on(day: date, name: str) -> bool:
    """True for one part of the names on each day."""
    return (zlib.crc32(name.encode()) + day.toordinal()) % READ_WITHIN == 0


def check(backup: Path, summary: Summary) -> None:
    """Read every byte. Errors: BackupRefused for a file that is missing or is not what was backed up."""
    folder = folder_of(backup)
    for name, digest in _verified(folder, summary).items():
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise BackupRefused(f"{folder / name} cannot be read: {error.strerror}.", hint=_OTHER) from error
        if found != digest:
            raise BackupRefused(f"{folder / name} is not what was backed up.", hint=_OTHER)


def put_back(backup: Path, summary: Summary, into: Path) -> None:
    """Copy the files to where the product reads them; those that are there already stay.

    A name is one content's for ever, so what is replaced was damaged, and what is not noted yet disturbs nobody.
    Errors: BackupRefused; what was copied until then is gone on with the next time.
    """
    folder = folder_of(backup)
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, digest in _verified(folder, summary).items():
            if (into / name).exists() and _digest(into / name) == digest:
                continue
            if _copied(folder / name, into / name, digest) != digest:
                raise BackupRefused(f"{folder / name} is not what was backed up.", hint=_OTHER)
        _sync(into)
    except OSError as error:
        raise BackupRefused(f"Files of records cannot be put back: {error}.", hint=_ANEW) from error


_ANEW: Final = "Do it again: what was copied already is kept."
_OTHER: Final = "Use another backup, or leave the records out: --without-records."


def _verified(folder: Path, summary: Summary) -> Mapping[str, str]:
    """Digests by name, as the backup says that they are."""
    try:
        body = (folder / LIST).read_bytes()
    except OSError as error:
        raise BackupRefused(f"The records of the backup are not at {folder}.", hint=_OTHER) from error
    found = _read(body.decode(errors="replace"))
    if hashlib.sha256(body).hexdigest() != summary.list or len(found) != summary.files:
        raise BackupRefused(f"{folder / LIST} is not what was backed up.", hint=_OTHER)
    return found


def _earlier(place: Path, own: Path) -> dict[str, tuple[str, Path]]:
    """(digest, file) by name of what whole backups beside this one have: the newest, which has what was copied anew."""
    found: dict[str, tuple[str, Path]] = {}
    backups = [folder.with_name(folder.name.removesuffix(_SUFFIX)) for folder in place.glob(f"*{_SUFFIX}")]
    for backup in sorted((each for each in backups if each.is_file()), key=lambda each: each.stat().st_mtime):
        folder = folder_of(backup)
        if folder != own:
            found |= {name: (digest, folder / name) for name, digest in _listed(folder).items()}
    return found


def _listed(folder: Path) -> dict[str, str]:
    """Digests by name, of a list that may end in half a line."""
    try:
        return _read((folder / LIST).read_text(errors="replace"))
    except FileNotFoundError:
        return {}


def _read(text: str) -> dict[str, str]:
    lines = (_LINE.fullmatch(line) for line in text.splitlines())
    return {line[2]: line[1] for line in lines if line is not None}


def _copied(source: Path, to: Path, wanted: str = "") -> str:
    """The digest of what was copied; at its place only when it is what is wanted, or all is."""
    draft = to.with_name(f".{to.name}.copying")
    digest = hashlib.sha256()
    with (
        source.open("rb") as body,
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out,
    ):
        for block in _blocks(body.fileno()):
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if wanted and digest.hexdigest() != wanted:
        draft.unlink()
    else:
        draft.rename(to)
    return digest.hexdigest()


def _blocks(descriptor: int) -> Iterator[bytes]:
    while block := os.read(descriptor, _BLOCK):
        yield block


def _digest(file: Path) -> str:
    with file.open("rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
