"""The ring of traces: bounded, one writer and one reader, robust against damage."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_sync.runtime.trace_ring import DATA_BYTES, TraceRing, ring_path

SLOW_AND_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_what_is_written_is_read_once_by_another_process_too(tmp_path: Path) -> None:
    writer, reader = TraceRing(ring_path(tmp_path, 0)), TraceRing(ring_path(tmp_path, 0))
    assert writer.write(b"one")
    assert writer.write(b"two")
    assert reader.read(1) == [b"one"]
    assert reader.read(10) == [b"two"]
    assert reader.read(10) == []
    assert ring_path(tmp_path, 0).stat().st_mode & 0o077 == 0


def test_a_full_ring_loses_what_comes_and_counts_it(tmp_path: Path) -> None:
    ring = TraceRing(tmp_path / "ring")
    record = b"x" * 100_000
    count = sum(ring.write(record) for _ in range(100))
    assert 15 < count < 22
    assert ring.lost == 100 - count
    assert ring.read(1000) == [record] * count
    assert ring.write(record)
    assert (tmp_path / "ring").stat().st_size < DATA_BYTES + 4096


def test_the_next_worker_of_the_slot_goes_on_where_the_last_one_died(tmp_path: Path) -> None:
    TraceRing(tmp_path / "ring").write(b"last words")
    after = TraceRing(tmp_path / "ring")
    after.write(b"first words")
    assert after.read(10) == [b"last words", b"first words"]


def test_a_damaged_ring_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = TraceRing(path)
    ring.write(b"one")
    with path.open("r+b") as file:
        file.seek(64)
        file.write(b"\xf0\xff\xff\x0f")
    assert ring.read(10) == []
    assert ring.write(b"two")
    assert ring.read(10) == [b"two"]
    with path.open("r+b") as file:
        file.write(b"\xff" * 16)
    assert ring.read(10) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 3)), max_size=30))
def test_any_order_of_writing_and_reading_keeps_every_record_whole(
    tmp_path: Path, turns: list[tuple[int, int]]
) -> None:
    ring = TraceRing(tmp_path / "any")
    ring.read(10_000)
    written: list[bytes] = []
    read: list[bytes] = []
    for number, (size, most) in enumerate(turns):
        record = bytes([number]) * size
        if ring.write(record):
            written.append(record)
        read += ring.read(most)
    read += ring.read(10_000)
    assert read == written
