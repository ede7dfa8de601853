"""Either kind of database: a copy of one moment while it is in use, and put back so that the old one can return."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from apim.backups.installation import Installation
from apim.backups.refusal import BackupRefused

_DEBIAN: Final = "/usr/lib/postgresql"
_PLACES: Final = ("/opt/homebrew/bin", "/usr/local/bin")
_PAGES_AT_ONCE: Final = 1000
_NOTED: Final = "usage_recordfile"  # the table that notes files of records
_COPY: Final = re.compile(rf"COPY \S*{_NOTED} \((.+)\) FROM stdin;")


class Database(Protocol):
    """What a backup asks of a database. Errors: BackupRefused, from every method."""

    engine: str

    def copy(self, to: Path) -> None:
        """Write what it holds at one moment to a file; it may be in use."""

    def record_files(self, copied: Path) -> list[str]:
        """The names of the files of records that a copy notes."""

    def is_empty(self) -> bool:
        """True when nothing would be lost by replacing it."""

    def replace(self, source: Path, aside: str) -> str:
        """Put the copy in its place; where the old one is kept, in words. `aside` is a name for it."""

    def take_back(self, aside: str) -> None:
        """Undo `replace`."""


def database_of(installation: Installation) -> Database:
    """The database of the installation."""
    if installation.database_url:
        return PostgreSQL(installation.database_url)
    return SQLite(installation.sqlite_file)


@dataclass(slots=True)
class SQLite:
    """A file under the data directory."""

    file: Path
    engine: str = "sqlite"

    def copy(self, to: Path) -> None:
        """See Database; pages that are written meanwhile are copied again."""
        if not self.file.exists():
            raise BackupRefused(f"There is no database at {self.file}.", hint="Set APIM_HOME or DATABASE_URL.")
        try:
            with _opened(self.file) as source, _opened(to) as target:
                source.backup(target, pages=_PAGES_AT_ONCE, sleep=0.005)
            _check(to)
        except sqlite3.Error as error:
            raise BackupRefused(f"{self.file} cannot be copied: {error}.") from error

    def record_files(self, copied: Path) -> list[str]:
        """See Database."""
        with _opened(copied) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_NOTED,)).fetchone() is None:
                return []  # of a release that had no files
            return [str(name) for (name,) in connection.execute(f"SELECT name FROM {_NOTED}")]  # noqa: S608 - ours

    def is_empty(self) -> bool:
        """True when the file is not there or has no table."""
        if not self.file.exists():
            return True
        try:
            with _opened(self.file) as connection:
                return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        except sqlite3.Error:
            return False  # damaged is not empty: something may be saved from it

    def replace(self, source: Path, aside: str) -> str:
        """See Database; files are renamed, so that at each moment a whole one is there or none."""
        try:
            _check(source)
        except sqlite3.Error as error:
            raise BackupRefused(f"The database of the backup is damaged: {error}.") from error
        draft = self.file.with_name(f".{self.file.name}.restoring")
        shutil.copyfile(source, draft)  # the part that a full disk can end comes before anything is moved
        draft.chmod(0o600)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        kept = self._aside(aside)
        for suffix in ("", "-wal", "-shm"):  # the log belongs to its file: alone, either is a torn state
            beside = self.file.with_name(self.file.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
        draft.rename(self.file)
        return str(kept) if kept.exists() else ""

    def take_back(self, aside: str) -> None:
        """See Database."""
        kept = self._aside(aside)
        for suffix in ("", "-wal", "-shm"):
            beside = self.file.with_name(self.file.name + suffix)
            beside.unlink(missing_ok=True)
            old = kept.with_name(kept.name + suffix)
            if old.exists():
                old.rename(beside)

    def _aside(self, name: str) -> Path:
        return self.file.with_name(f"{self.file.name}.{name}")


@dataclass(slots=True)
class PostgreSQL:
    """A database of a server, by its own programs pg_dump and pg_restore."""

    url: str
    engine: str = "postgresql"

    def copy(self, to: Path) -> None:
        """See Database; one transaction reads everything."""
        self._run("pg_dump", "--format=custom", "--schema=public", "--no-owner", "--no-privileges", f"--file={to}")

    def record_files(self, copied: Path) -> list[str]:
        """See Database; read from the copy itself, for the table may have others by now."""
        command = (_find("pg_restore"), "--data-only", f"--table={_NOTED}", "--file=-", str(copied))
        lines = iter(_said(command, dict(os.environ)).splitlines())
        columns = next((found for line in lines if (found := _COPY.match(line))), None)
        if columns is None:
            return []  # of a release that had no files
        at = [name.strip(' "') for name in columns[1].split(",")].index("name")
        return [line.split("\t")[at] for line in takewhile(lambda line: line != "\\.", lines)]

    def is_empty(self) -> bool:
        """True when its schema has no table."""
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        return self._ask(tables) == "0"

    def replace(self, source: Path, aside: str) -> str:
        """See Database; the old tables stay in a schema of their own."""
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        if self._ask(others) != "0":
            raise BackupRefused(
                "Other processes are connected to the database.",
                hint="Stop every web and Celery process first; a restore replaces what they work on.",
            )
        self._ask(f'BEGIN; ALTER SCHEMA public RENAME TO "{aside}"; CREATE SCHEMA public; COMMIT')
        try:
            self._run(
                "pg_restore", "--schema=public", "--no-owner", "--no-privileges", "--exit-on-error",
                "--single-transaction", str(source),
            )  # fmt: skip
        except BackupRefused:
            self.take_back(aside)
            raise
        return f'the schema "{aside}" of the database'

    def take_back(self, aside: str) -> None:
        """See Database."""
        self._ask(f'BEGIN; DROP SCHEMA public CASCADE; ALTER SCHEMA "{aside}" RENAME TO public; COMMIT')

    def _ask(self, statements: str) -> str:
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        return self._run("psql", *options, f"--command={statements}").strip()

    def _run(self, program: str, *arguments: str) -> str:
        """What the program printed."""
        url, password = _without_password(self.url)
        command = (_find(program), *arguments, f"--dbname={url}")
        return _said(command, {**os.environ, **({"PGPASSWORD": password} if password else {})})


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a program of PostgreSQL's printed."""
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode != 0:
        why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        program = Path(command[0]).name
        raise BackupRefused(f"{program} failed: {why}", hint="Is the server of DATABASE_URL up, and not newer?")
    return ended.stdout


def _opened(file: Path) -> closing[sqlite3.Connection]:
    """A connection that is closed at the end of the block; sqlite3's own block only commits."""
    return closing(sqlite3.connect(file, timeout=30))


def _check(file: Path) -> None:
    with _opened(file) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _find(program: str) -> str:
    """The newest of PostgreSQL's programs: an older one refuses a newer server."""
    versions = sorted(Path(_DEBIAN).glob("*/bin"), key=lambda place: place.parent.name.zfill(3), reverse=True)
    found = shutil.which(program, path=os.pathsep.join((*map(str, versions), os.environ.get("PATH", ""), *_PLACES)))
    if found is None:
        raise BackupRefused(f"{program} is not installed.", hint="Install PostgreSQL's client programs.")
    return found


def _without_password(url: str) -> tuple[str, str]:
    """The address without its password, and the password: command lines can be read by others."""
    parts = urlsplit(url)
    if not parts.password:
        return url, ""
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}")), unquote(parts.password)
