"""The two acts: backing an installation up while it runs, and restoring it, whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from apim.backups import records
from apim.backups.archive import Manifest, unpack, write
from apim.backups.databases import Database, database_of
from apim.backups.installation import ROOT, Installation, stopped
from apim.backups.records import Kept, Summary
from apim.backups.refusal import BackupRefused

NOTE: Final = "last-backup.json"
KEPT, LEFT_OUT = "kept", "left-out"  # of files of records, in the note; "" = there was no folder of them
_TRIES: Final = 3
_ASIDE: Final = "before_restore_%Y%m%d_%H%M%S"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup.

    Shapes: damaged = files of records that an earlier backup has, and not whole; copied anew for this. changed = those
    of which the copy is not what was backed up earlier either.
    """

    manifest: Manifest
    damaged: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where that which was there is kept. Shapes: kept = places in words."""

    manifest: Manifest
    kept: tuple[str, ...]


def back_up(installation: Installation, to: Path, *, now: datetime, has_records: bool = True) -> Made:
    """The backup that is at `to` now. Errors: BackupRefused.

    Shapes: has_records = with the files of records, where the installation has a folder of them.
    """
    if not installation.keys_file.exists():
        raise BackupRefused(f"There are no keys at {installation.keys_file}.", hint="Set APIM_HOME or APIM_KEYS_FILE.")
    if to.exists():
        raise BackupRefused(f"{to} exists already.", hint="Name another file.")  # before terabytes are copied
    database, folder = database_of(installation), installation.records_folder if has_records else None
    with _scratch(to.parent) as scratch:
        copied = scratch / "database"
        kept = Kept(to, folder, now.astimezone(UTC).date()) if folder is not None else None
        summary = None
        if kept is None:
            database.copy(copied)
        else:
            summary = _copy_with_records(database, copied, kept)
        manifest = write(
            to,
            made_at=now.astimezone(UTC).isoformat(timespec="seconds"),
            engine=database.engine,
            software=_software(),
            members={"keys.json": installation.keys_file, "database": copied},
            records=summary,
        )
    _note(installation, to, manifest, is_told=not has_records)
    if kept is None:
        return Made(manifest)
    return Made(manifest, tuple(kept.damaged), tuple(kept.changed))


def _copy_with_records(database: Database, copied: Path, kept: Kept) -> Summary:
    """Copy the database, and all files of records that the copy notes.

    Some may be gone by the time their turn comes: over, or written again without what was to be forgotten. A later copy
    of the database knows what took their place, so it is copied again, and only what is new is taken.
    """
    for _ in range(_TRIES):
        copied.unlink(missing_ok=True)
        database.copy(copied)
        names = database.record_files(copied)
        if not kept.take(names):
            return kept.finish(names)
    gone = "Files of records that the database notes are not in APIM_RECORDS_FOLDER."
    raise BackupRefused(gone, hint="`apim doctor` says how many. Leave them out by --without-records.")


def _note(installation: Installation, to: Path, manifest: Manifest, *, is_told: bool) -> None:
    """Leave word for `apim doctor` where the last one is; a backup is as good without it.

    Shapes: is_told = to leave files of records out.
    """
    with suppress(OSError):
        found = KEPT if manifest.records is not None else LEFT_OUT if is_told else ""
        note = {"made_at": manifest.made_at, "file": str(to.resolve()), "records": found}
        (installation.home / NOTE).write_text(json.dumps(note))


def check(source: Path, *, has_records: bool = True) -> Manifest:
    """What the backup says of itself, after every byte of it was read. Errors: BackupRefused."""
    with _scratch(None) as scratch:
        manifest = unpack(source, scratch)
    if manifest.records is not None and has_records:
        records.check(source, manifest.records)
    return manifest


def restore(
    installation: Installation,
    source: Path,
    *,
    is_replacing: bool,
    now: datetime,
    environment: Mapping[str, str],
    has_records: bool = True,
) -> Restored:
    """Put the backup in the place of what is there, bring it to the present, and tell gateways to believe it.

    What was there is kept beside it. Any failure leaves, or puts back, what was there.
    Errors: BackupRefused, also when apim runs, or when something would be replaced and is_replacing is false.
    """
    with _scratch(None) as scratch, stopped(installation):
        manifest = unpack(source, scratch)
        database = database_of(installation)
        _require_fit(installation, database, manifest, is_replacing=is_replacing)
        if manifest.records is not None and has_records:
            records.put_back(source, manifest.records, _require_folder(installation, manifest.records))
        aside = now.astimezone(UTC).strftime(_ASIDE)
        kept = database.replace(scratch / "database", aside)
        keys = _Keys(installation.keys_file, aside)
        try:
            kept_keys = keys.replace(scratch / "keys.json")
            _bring_along(environment)
        except (BackupRefused, OSError):
            keys.take_back()
            database.take_back(aside)
            raise
        return Restored(manifest, tuple(place for place in (kept, kept_keys) if place))


@dataclass(frozen=True, slots=True)
class _Keys:
    """The file of keys, with the old one beside it."""

    file: Path
    aside: str

    def replace(self, source: Path) -> str:
        """Where the old keys are kept; "" when there were none."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.file.exists():
            self.file.rename(self._kept)
        shutil.copyfile(source, self.file)
        self.file.chmod(0o600)
        return str(self._kept) if self._kept.exists() else ""

    def take_back(self) -> None:
        """Undo `replace`."""
        if self._kept.exists():
            self._kept.replace(self.file)

    @property
    def _kept(self) -> Path:
        return self.file.with_name(f"{self.file.name}.{self.aside}")


def _require_fit(installation: Installation, database: Database, manifest: Manifest, *, is_replacing: bool) -> None:
    if manifest.engine != database.engine:
        is_server = manifest.engine == "postgresql"
        hint = "Set DATABASE_URL to an empty database." if is_server else "Unset DATABASE_URL."
        raise BackupRefused(
            f"The backup is of {manifest.engine}, and this installation uses {database.engine}.", hint=hint
        )
    if not is_replacing and not (database.is_empty() and not installation.keys_file.exists()):
        raise BackupRefused(
            f"There is an installation at {installation.home} already.",
            hint="Restore into an empty APIM_HOME, or add --replace: what is there is kept beside it.",
        )


def _require_folder(installation: Installation, summary: Summary) -> Path:
    if installation.records_folder is None:
        raise BackupRefused(
            f"The backup has {summary.files:,} files of records, and APIM_RECORDS_FOLDER does not say where to.",
            hint="Set it as it is for web and Celery, or leave them out: --without-records.",
        )
    return installation.records_folder


def _bring_along(environment: Mapping[str, str]) -> None:
    """Migrate what an earlier version wrote, and number its state above what gateways have."""
    program = ROOT / "manage.py"
    if not program.exists():
        raise BackupRefused("manage.py is not here.", hint="Run this in the checkout or image that apim runs from.")
    command = (sys.executable, str(program), "resume_after_restore")
    ended = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode != 0:
        why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackupRefused(f"The backup cannot be brought to this version: {why}", hint="Nothing was changed.")


@contextmanager
def _scratch(beside: Path | None) -> Iterator[Path]:
    """A folder that only we can read, gone at the end: what is in it is as secret as the backup."""
    place = beside if beside is not None and beside.is_dir() else None
    with tempfile.TemporaryDirectory(prefix=".apim-backup-", dir=place) as folder:
        yield Path(folder)


def _software() -> str:
    try:
        return version("apim")
    except PackageNotFoundError:
        return "working tree"
