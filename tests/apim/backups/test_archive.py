"""The file of a backup: what goes in comes out, and what was changed is not taken."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from apim.backups.archive import unpack, write
from apim.backups.refusal import BackupRefused

MADE_AT = "2026-11-21T20:00:00+00:00"


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path]:
    """The two files that a backup is made of."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/keys").write_bytes(b'{"pepper": "00"}')
    (tmp_path / "in/database").write_bytes(bytes(range(256)) * 5000)
    return {"keys.json": tmp_path / "in/keys", "database": tmp_path / "in/database"}


@pytest.fixture
def backup(tmp_path: Path, members: dict[str, Path]) -> Path:
    """A sound backup."""
    place = tmp_path / "one.backup"
    write(place, made_at=MADE_AT, engine="sqlite", software="1.0", members=members)
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def rewrite(backup: Path, *entries: tuple[str, bytes]) -> None:
    """Put other members in the place of those that are there."""
    with tarfile.open(backup, "w:gz") as archive:
        for name, body in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))


def test_what_goes_in_comes_out(backup: Path, members: dict[str, Path], out: Path) -> None:
    manifest = unpack(backup, out)
    assert (manifest.made_at, manifest.engine, manifest.software) == (MADE_AT, "sqlite", "1.0")
    for name, source in members.items():
        assert (out / name).read_bytes() == source.read_bytes()


def test_only_its_owner_may_read_it(backup: Path, out: Path) -> None:
    unpack(backup, out)
    for file in (backup, *out.iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_backup_is_never_written_over(backup: Path, members: dict[str, Path]) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupRefused, match="exists already"):
        write(backup, made_at=MADE_AT, engine="sqlite", software="1.0", members=members)
    assert backup.read_bytes() == before
    assert [each.name for each in backup.parent.iterdir() if each.name.startswith(".")] == []


def test_every_shorter_file_is_refused(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    for number, length in enumerate(range(0, len(whole) * 9 // 10, len(whole) // 20)):
        backup.write_bytes(whole[:length])
        folder = tmp_path / f"out-{number}"
        folder.mkdir()
        with pytest.raises(BackupRefused):
            unpack(backup, folder)


def test_a_changed_byte_is_noticed(backup: Path, out: Path, members: dict[str, Path]) -> None:
    with tarfile.open(backup, "r:gz") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        told = manifest.read()
    changed = bytearray(members["database"].read_bytes())
    changed[700] ^= 1
    rewrite(
        backup,
        ("manifest.json", told),
        ("keys.json", members["keys.json"].read_bytes()),
        ("database", bytes(changed)),
    )
    with pytest.raises(BackupRefused, match="database is not what was backed up"):
        unpack(backup, out)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ((), "no manifest"),
        ((("keys.json", b"{}"),), "no manifest"),
        ((("manifest.json", b"[]"),), "says nothing"),
        ((("manifest.json", b"{"),), "cannot be read"),
        ((("manifest.json", json.dumps({"format": 3}).encode()),), "format 3"),
        ((("manifest.json", b'{"format": 1, "more": 1}'),), "cannot be read"),
        ((("manifest.json", b'{"format": 2, "records": {"files": "1", "bytes": 1, "list": ""}}'),), "files of records"),
    ],
    ids=["empty", "other-first", "list", "broken", "later-format", "other-fields", "records"],
)
def test_what_is_no_backup_is_refused_in_words(
    backup: Path, out: Path, entries: tuple[tuple[str, bytes], ...], why: str
) -> None:
    rewrite(backup, *entries)
    with pytest.raises(BackupRefused, match=why):
        unpack(backup, out)


def test_names_in_the_archive_choose_no_place(backup: Path, out: Path, tmp_path: Path) -> None:
    told = json.dumps({"format": 1, "made_at": "", "engine": "sqlite", "software": "", "digests": {}}).encode()
    rewrite(backup, ("manifest.json", told), ("../escaped", b"x"))
    with pytest.raises(BackupRefused, match=r"no keys\.json"):
        unpack(backup, out)
    assert not (tmp_path / "escaped").exists()


def test_a_place_that_cannot_be_written_is_told(members: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="cannot be written"):
        write(tmp_path / "no/such/folder", made_at=MADE_AT, engine="sqlite", software="1", members=members)


def test_a_backup_of_before_there_were_files_of_records_is_read(
    backup: Path, out: Path, members: dict[str, Path]
) -> None:
    with tarfile.open(backup, "r:gz") as archive:
        told = archive.extractfile("manifest.json")
        assert told is not None
        manifest = {name: value for name, value in json.load(told).items() if name != "records"}
    parts = [(name, path.read_bytes()) for name, path in members.items()]
    rewrite(backup, ("manifest.json", json.dumps(manifest | {"format": 1}).encode()), *parts)
    assert unpack(backup, out).records is None
