"""What there is to back up: the data directory, the keys and the database of one installation."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apim.backups.refusal import BackupRefused

ROOT: Final = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Installation:
    """Where things are. Shapes: database_url "" = SQLite under home; records_folder None = all records are rows."""

    home: Path
    keys_file: Path
    database_url: str
    records_folder: Path | None = None

    @property
    def sqlite_file(self) -> Path:
        """The database where no database_url names a server."""
        return self.home / "db.sqlite3"


def installation_of(environment: Mapping[str, str]) -> Installation:
    """The installation that processes with this environment work on (docs/reference/settings.md)."""
    home = Path(environment.get("APIM_HOME") or ROOT / "var").resolve()
    keys = Path(environment.get("APIM_KEYS_FILE") or home / "keys" / "keys.json")
    records = environment.get("APIM_RECORDS_FOLDER", "")
    return Installation(home, keys, environment.get("DATABASE_URL", ""), Path(records).resolve() if records else None)


@contextmanager
def stopped(installation: Installation) -> Iterator[None]:
    """Hold the data directory as `script/up` does, so that neither starts while the other works.

    Errors: BackupRefused.
    """
    (installation.home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    with (installation.home / "run" / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "?"
            message = f"{installation.home} is in use by process {holder}."
            raise BackupRefused(message, hint="Stop apim first; a restore replaces what it works on.") from None
        yield
