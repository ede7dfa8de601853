"""`apim backup` and `apim restore`: on the machine that apim runs on, without asking the server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apim.backups.installation import installation_of
from apim.backups.refusal import BackupRefused
from apim.cli.errors import CLIError
from apim.cli.output import note

if TYPE_CHECKING:
    from apim.backups.archive import Manifest


_WithoutRecords = Annotated[
    bool, typer.Option("--without-records", help="Leave the files of records out (APIM_RECORDS_FOLDER).")
]


def back_up(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; apim-DATE-TIME.backup here when left out.")
    ] = None,
    *,
    is_check: Annotated[bool, typer.Option("--check", help="Read FILE whole and say whether it is sound.")] = False,
    is_without_records: _WithoutRecords = False,
) -> None:
    """Back the installation up, database and keys in one file, while it runs; files of records in a folder beside it.

    APIM_HOME, APIM_KEYS_FILE, DATABASE_URL and APIM_RECORDS_FOLDER say which one, as for `script/up`. Keep the file as
    safe as a password: it holds the keys that everything else is sealed with. Files of records are in FILE.records,
    linked to those of earlier backups in the same folder, so each is copied once; a part of them is read again each
    day, and what is damaged is copied anew. One that was ended is gone on with.

    Examples: apim backup /var/backups/apim-monday.backup; apim backup --without-records
    """
    from apim.backups import acts  # noqa: PLC0415 - a fifth of every other command's start

    now = datetime.now(UTC)
    place = file or Path(f"apim-{now:%Y%m%d-%H%M%S}.backup")
    with _told():
        if is_check:
            _tell(place, acts.check(place, has_records=not is_without_records), "is sound")
        else:
            installation = installation_of(os.environ)
            made = acts.back_up(installation, place, now=now, has_records=not is_without_records)
            _tell(place, made.manifest, "is written")
            for name in made.damaged:
                note(f"{name} is damaged in an earlier backup here, and was copied anew for this one.")
            for name in made.changed:
                note(f"{name} is not what it was in the folder of records either: keep older backups, one may have it.")


def restore(
    file: Annotated[Path, typer.Argument(help="What `apim backup` wrote.")],
    *,
    is_replacing: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of an installation that is there; that one is kept.")
    ] = False,
    is_without_records: _WithoutRecords = False,
) -> None:
    """Put a backup back, bring it to this version, and have gateways believe it. apim must be stopped.

    It succeeds whole, or leaves what was there.

    Example: apim restore /var/backups/apim-monday.backup --replace
    """
    from apim.backups import acts  # noqa: PLC0415 - as above

    with _told():
        done = acts.restore(
            installation_of(os.environ),
            file,
            is_replacing=is_replacing,
            now=datetime.now(UTC),
            environment=os.environ,
            has_records=not is_without_records,
        )
    _tell(file, done.manifest, "is restored")
    for place in done.kept:
        note(f"What was there is kept in {place}.")
    note("Start apim. Keys made since the backup are refused now, and keys revoked since then work again.")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BackupRefused as refusal:
        raise CLIError(str(refusal), hint=refusal.hint) from refusal


def _tell(file: Path, manifest: Manifest, what: str) -> None:
    size = file.stat().st_size / 1_000_000
    note(f"{file} {what}: {manifest.engine}, {size:,.1f} MB, made at {manifest.made_at} by apim {manifest.software}.")
    if (records := manifest.records) is not None:
        note(f"With it are {records.files:,} files of records, {records.bytes / 1e9:,.1f} GB: {file}.records")
