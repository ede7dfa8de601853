"""Files of records beside a backup: copied once, gone on with, and no byte taken that was not backed up."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from apim.backups.records import LIST, READ_WITHIN, Kept, Summary, check, folder_of, put_back
from apim.backups.refusal import BackupRefused

FILES = {f"20261121T0{hour}-{hour:032x}.parquet": bytes([hour]) * 300_000 for hour in range(3)}
FIRST = min(FILES)
TODAY = date(2026, 11, 22)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder that the product writes to: what is noted, what is being written, and what nobody notes."""
    folder = tmp_path / "records"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / ".20261121T09-aa.parquet.writing").write_bytes(b"half")
    (folder / "20261121T09-bb.parquet").write_bytes(b"not noted")
    return folder


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Where a backup is to be."""
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups/monday.backup"


def made(backup: Path, source: Path, day: date = TODAY, damaged: tuple[str, ...] = ()) -> Summary:
    """A whole backup of what is noted, which tells of what is damaged in earlier ones."""
    kept = Kept(backup, source, day)
    assert kept.take(FILES) == []
    assert tuple(kept.damaged) == damaged
    summary = kept.finish(FILES)
    backup.write_bytes(b"the archive")
    return summary


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LIST}


def test_what_is_noted_goes_in_and_comes_out(backup: Path, source: Path, tmp_path: Path) -> None:
    summary = made(backup, source)
    assert (summary.files, summary.bytes) == (3, 900_000)
    check(backup, summary)
    put_back(backup, summary, tmp_path / "new")
    assert contents(folder_of(backup)) == contents(tmp_path / "new") == FILES


def test_later_backup_copies_only_what_is_new(backup: Path, source: Path) -> None:
    made(backup, source)
    for name, content in FILES.items():
        (source / name).write_bytes(b"?" * len(content))  # it is not read again
    tuesday = backup.with_name("tuesday.backup")
    check(tuesday, made(tuesday, source))
    inodes = [(folder_of(each) / FIRST).stat().st_ino for each in (backup, tuesday)]
    assert inodes[0] == inodes[1]


def test_a_damaged_file_of_an_earlier_backup_is_copied_anew_within_a_month_of_daily_or_of_weekly_backups(
    backup: Path, source: Path
) -> None:
    for step in (1, 7):
        monday = backup.with_name(f"monday-{step}.backup")
        made(monday, source)
        place = folder_of(monday) / FIRST
        place.write_bytes(b"\1" + FILES[FIRST][1:])
        told = []
        for number in range(READ_WITHIN):
            later = backup.with_name("later.backup")
            kept = Kept(later, source, TODAY + timedelta(days=number * step))
            assert kept.take(FILES) == []
            told += kept.damaged
            if kept.damaged:
                later.write_bytes(b"the archive")
                check(later, kept.finish(FILES))
            for path in (*folder_of(later).iterdir(), folder_of(later), later):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        assert told == [FIRST], step
        for path in (*folder_of(monday).iterdir(), folder_of(monday), monday):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "gone"])
def test_a_file_of_an_earlier_backup_that_is_cut_short_or_gone_is_copied_anew_at_once(
    backup: Path, source: Path, content: bytes | None
) -> None:
    made(backup, source)
    place = folder_of(backup) / FIRST
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    tuesday = backup.with_name("tuesday.backup")
    check(tuesday, made(tuesday, source, damaged=(FIRST,)))


def test_a_file_that_the_product_itself_has_not_whole_takes_no_good_copys_place(
    backup: Path, source: Path, tmp_path: Path
) -> None:
    made(backup, source)
    (source / FIRST).write_bytes(FILES[FIRST][:1000])  # cut short on the disk of the product
    tuesday = backup.with_name("tuesday.backup")
    summary = made(tuesday, source)
    put_back(tuesday, summary, tmp_path / "new")
    assert contents(tmp_path / "new") == FILES


def test_a_file_that_is_whole_nowhere_is_told_and_not_taken_for_what_it_was(backup: Path, source: Path) -> None:
    made(backup, source)
    (folder_of(backup) / FIRST).unlink()
    (folder_of(backup) / FIRST).write_bytes(b"")
    (source / FIRST).write_bytes(b"\1" + FILES[FIRST][1:])
    kept = Kept(backup.with_name("tuesday.backup"), source, TODAY)
    assert kept.take(FILES) == []
    assert (kept.damaged, kept.changed) == ([FIRST], [FIRST])


def test_backup_that_was_killed_is_gone_on_with(backup: Path, source: Path) -> None:
    kept, names = Kept(backup, source, TODAY), sorted(FILES)
    assert kept.take(names[:2]) == []
    folder = folder_of(backup)
    with (folder / LIST).open("a") as listed:
        listed.write("0123")  # half a line
    (folder / names[2]).write_bytes(b"not listed, so not whole")
    (folder / f".{names[2]}.copying").write_bytes(b"half")
    before = (folder / names[0]).stat().st_ino
    check(backup, made(backup, source))
    assert contents(folder) == FILES
    assert (folder / names[0]).stat().st_ino == before


def test_files_that_are_gone_are_told_and_what_took_their_place_is_kept(backup: Path, source: Path) -> None:
    kept, names = Kept(backup, source, TODAY), sorted(FILES)
    (source / names[1]).rename(source / "20261121T01-cc.parquet")
    assert kept.take(names) == [names[1]]
    now = [names[0], "20261121T01-cc.parquet"]
    assert kept.take(now) == []
    check(backup, kept.finish(now))
    assert sorted(contents(folder_of(backup))) == now


def test_changed_byte_and_missing_file_are_noticed_before_anything_is_put_back(
    backup: Path, source: Path, tmp_path: Path
) -> None:
    summary, place = made(backup, source), folder_of(backup) / FIRST
    place.write_bytes(b"\1" + FILES[FIRST][1:])
    for act in (lambda: check(backup, summary), lambda: put_back(backup, summary, tmp_path / "new")):
        with pytest.raises(BackupRefused, match="is not what was backed up"):
            act()
    assert contents(tmp_path / "new") == {}
    place.unlink()
    with pytest.raises(BackupRefused, match="cannot be read"):
        check(backup, summary)
    with pytest.raises(BackupRefused, match="cannot be put back"):
        put_back(backup, summary, tmp_path / "new")


@pytest.mark.parametrize("name", ["../escaped.parquet", "/escaped.parquet", ".hidden.parquet", "a b.parquet"])
def test_names_in_the_list_choose_no_place(backup: Path, source: Path, tmp_path: Path, name: str) -> None:
    summary, listed = made(backup, source), folder_of(backup) / LIST
    listed.write_text(listed.read_text().replace(FIRST, name))
    summary = replace(summary, list=hashlib.sha256(listed.read_bytes()).hexdigest())  # as who made it would
    with pytest.raises(BackupRefused, match="SHA256SUMS is not what was backed up"):
        put_back(backup, summary, tmp_path / "new")


def test_restore_that_was_killed_goes_on_and_mends_what_is_damaged(backup: Path, source: Path) -> None:
    summary = made(backup, source)
    (source / FIRST).write_bytes(b"damaged")
    kept = (source / max(FILES)).stat().st_ino
    put_back(backup, summary, source)
    assert {name: (source / name).read_bytes() for name in FILES} == FILES
    assert (source / max(FILES)).stat().st_ino == kept


def test_without_room_nothing_is_copied(backup: Path, source: Path) -> None:
    with (source / FIRST).open("r+b") as file:
        file.truncate(1 << 43)  # a hole
    with pytest.raises(BackupRefused, match="are to be copied"):
        Kept(backup, source, TODAY).take(FILES)
    assert contents(folder_of(backup)) == {}


@pytest.mark.parametrize("name", ["../keys.parquet", "/etc/passwd", "a/b.parquet", ".hidden.parquet", "x.txt"])
def test_names_in_the_database_choose_no_place(backup: Path, source: Path, name: str) -> None:
    (source.parent / "keys.parquet").write_bytes(b"outside")
    with pytest.raises(BackupRefused, match="by a name that none has"):
        Kept(backup, source, TODAY).take([FIRST, name])
    assert not list(backup.parent.rglob("*"))


def test_a_link_in_the_place_of_a_draft_is_not_written_through(backup: Path, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"kept")
    folder_of(backup).mkdir()
    (folder_of(backup) / f".{FIRST}.copying").symlink_to(other)
    with pytest.raises(BackupRefused):
        Kept(backup, source, TODAY).take([FIRST])
    assert other.read_bytes() == b"kept"
