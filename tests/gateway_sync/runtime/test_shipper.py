"""Shipping what workers noted: real spools on disk, a real control plane over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.shipper import REFUSALS, Shipper
from gateway_sync.runtime.spool import Spool
from gateway_sync.runtime.spool_format import FIRST_RECORD, SEGMENT_BYTES, SPOOL_BYTES
from gateway_sync.runtime.usage_cells import UsageCells, cells_path
from gateway_sync.usage_wire import UsageCell
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import Home

BOOT = "a" * 32
OTHER = "b" * 32
MUCH = 2**32
CONTEXT = b"ver_1\x1fGET /accounts\x1forg_1\x1fapp_1\x1fcrd_1\x1fsub_1\x1fplv_1"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[KeepingControlPlane]:
    with KeepingControlPlane(Home(tmp_path / "home")) as plane:
        yield plane


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "spool"
    made.mkdir()
    return made


def shipper(folder: Path, control: KeepingControlPlane, *live: str) -> Shipper:
    plane = ControlPlane(control.home.doors)
    return Shipper(folder, plane, lambda: dict.fromkeys(live, 0), MUCH)


def ship(shipper: Shipper) -> bool:
    return asyncio.run(shipper.ship_once())


def note(spool: Spool, count: int, context: bytes = CONTEXT) -> None:
    """Exchanges that came to their end."""
    for _ in range(count):
        spool.number += 1
        assert admit(spool, spool.number, context)
        assert finish(spool, spool.number)


def admit(spool: Spool, number: int, context: bytes = CONTEXT) -> bool:
    return spool.admit(number, 1_700_000_000_000_000 + number, b"mine", b"/accounts", context)


def finish(spool: Spool, number: int) -> bool:
    return spool.finish(number, 200, 0, 4000, 3000, 10, 100)


def seqs(control: KeepingControlPlane, boot: str = BOOT) -> list[int]:
    return sorted(seq for name, seq in control.events if name == boot)


def segments(folder: Path) -> int:
    return len(list(folder.glob("*.spool")))


def test_what_was_noted_arrives_with_its_context(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    note(spool, 2)
    note(spool, 1, CONTEXT.replace(b"app_1", b"app_2"))
    sender = shipper(folder, control, BOOT)
    assert ship(sender)
    assert [control.events[BOOT, seq].context.application for seq in (1, 2, 3)] == ["app_1", "app_1", "app_2"]
    event = control.events[BOOT, 3]
    assert (event.client_request_id, event.path, event.status) == ("mine", "/accounts", 200)
    note(spool, 2)
    assert ship(sender)
    assert seqs(control) == [1, 2, 3, 4, 5]
    assert (control.duplicates, sender.shipped, sender.pending()) == (0, 5, 0)


def test_many_segments_and_contexts_arrive_whole_and_in_order(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    for number in range(60_000):
        note(spool, 1, CONTEXT.replace(b"crd_1", b"crd_%d" % (number % 700)))
    assert segments(folder) > 1
    sender = shipper(folder, control, BOOT)
    assert ship(sender)
    assert seqs(control) == list(range(1, 60_001))
    assert {int(event.context.credential[4:]) for event in control.events.values()} == set(range(700))
    assert all(int(event.context.credential[4:]) == (seq - 1) % 700 for (_, seq), event in control.events.items())
    assert control.duplicates == 0
    assert segments(folder) == 1


def test_an_exchange_over_several_segments_holds_only_the_one_it_began_in(
    folder: Path, control: KeepingControlPlane
) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    sender = shipper(folder, control, BOOT)
    spool.number = 1
    assert admit(spool, 1)
    note(spool, 100_000)
    assert ship(sender)
    names = sorted(path.name for path in folder.glob("*.spool"))
    assert len(names) == 2
    assert names[0].endswith(".00000000.spool")
    assert finish(spool, 1)
    note(spool, 1)
    assert ship(sender)
    assert segments(folder) == 1
    assert len(seqs(control)) == 100_002


def test_what_a_dead_worker_had_in_flight_is_indeterminate_and_its_spool_goes(
    folder: Path, control: KeepingControlPlane
) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    note(spool, 3)
    assert admit(spool, 9)
    sender = shipper(folder, control)
    assert ship(sender)
    assert [control.events[BOOT, seq].is_indeterminate for seq in (1, 2, 3, 4)] == [False, False, False, True]
    assert (sender.indeterminate, segments(folder)) == (1, 0)


def test_an_answer_whose_admission_was_shipped_and_forgotten_holds_up_nobody(
    folder: Path, control: KeepingControlPlane
) -> None:
    """The supervisor dies after an exchange that began in a segment that is gone; the next one reads what is left."""
    spool = Spool(folder, BOOT, 0, MUCH)
    spool.number = 1
    assert admit(spool, 1)
    while segments(folder) < 2:
        note(spool, 1)
    assert finish(spool, 1)
    note(spool, 5)
    assert ship(shipper(folder, control, BOOT))
    assert segments(folder) == 1
    arrived = seqs(control)
    note(spool, 1)
    assert ship(shipper(folder, control))
    assert seqs(control) == [*arrived, arrived[-1] + 1]
    assert segments(folder) == 0


def test_a_record_that_was_cut_off_ends_the_spool_of_a_dead_worker(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    note(spool, 4)
    (path,) = folder.glob("*.spool")
    content = bytearray(path.read_bytes())
    end = int.from_bytes(content[:8], "little")
    content[end - 1] ^= 0xFF
    path.write_bytes(content)
    sender = shipper(folder, control)
    assert ship(sender)
    assert [control.events[BOOT, seq].is_indeterminate for seq in seqs(control)] == [False, False, False, True]
    assert "spool.E003" in sender.problems()
    assert len(list(folder.glob("*.torn"))) == 1


def test_what_no_worker_writes_ends_a_spool_and_is_kept(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    note(spool, 2)
    assert spool.add_cells(b"\xc1")
    note(spool, 2)
    sender = shipper(folder, control)
    assert ship(sender)
    assert seqs(control) == [1, 2]
    assert "spool.E003" in sender.problems()
    assert len(list(folder.glob("*.torn"))) == 1


def test_anonymous_counts_arrive(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    cells = [UsageCell(60, "GET /accounts", "ver_1", 401, "unauthenticated", 500)]
    assert spool.add_cells(msgspec.msgpack.encode((1, cells)))
    assert ship(shipper(folder, control, BOOT))
    assert control.cells == cells


def test_counts_that_a_dead_worker_had_not_noted_arrive_once(folder: Path, control: KeepingControlPlane) -> None:
    spool, counts = Spool(folder, BOOT, 0, MUCH), UsageCells(cells_path(folder, BOOT, 0))
    counts.add((60, "GET /accounts", "ver_1", 401, "unauthenticated"), 7)
    assert spool.add_cells(msgspec.msgpack.encode(counts.noted()))
    counts.begin_next()
    counts.add((60, "GET /accounts", "ver_1", 403, "forbidden"), 2)
    assert ship(shipper(folder, control, BOOT))
    assert [cell.count for cell in control.cells] == [7]
    assert ship(shipper(folder, control))
    assert [(cell.status, cell.count) for cell in control.cells] == [(401, 7), (403, 2)]
    assert not list(folder.iterdir())


def test_counts_of_a_worker_that_died_as_it_had_just_noted_them_arrive_once(
    folder: Path, control: KeepingControlPlane
) -> None:
    spool, counts = Spool(folder, BOOT, 0, MUCH), UsageCells(cells_path(folder, BOOT, 0))
    counts.add((60, "GET /accounts", "ver_1", 401, "unauthenticated"), 7)
    assert spool.add_cells(msgspec.msgpack.encode(counts.noted()))
    assert ship(shipper(folder, control))
    assert [cell.count for cell in control.cells] == [7]


def test_counts_whose_segments_are_gone_already_arrive(folder: Path, control: KeepingControlPlane) -> None:
    counts = UsageCells(cells_path(folder, BOOT, 0))
    counts.add((60, "GET /accounts", "ver_1", 401, "unauthenticated"), 7)
    assert ship(shipper(folder, control))
    assert [cell.count for cell in control.cells] == [7]
    assert not list(folder.iterdir())


def test_a_worker_that_begins_while_spools_are_looked_for_is_not_taken_for_dead(
    folder: Path, control: KeepingControlPlane
) -> None:
    looks: list[dict[str, int]] = [{}]
    spool = Spool(folder, BOOT, 0, MUCH)
    spool.number = 1
    assert admit(spool, 1)
    plane = ControlPlane(control.home.doors)
    sender = Shipper(folder, plane, lambda: looks.pop() if looks else {BOOT: 0}, MUCH)
    assert ship(sender)
    assert finish(spool, 1)
    assert ship(sender)
    assert [event.is_indeterminate for event in control.events.values()] == [False]
    assert segments(folder) == 1


def test_a_control_plane_that_is_away_costs_nothing_but_disk(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    sender = shipper(folder, control, BOOT)
    control.is_down = True
    note(spool, 20_000)
    assert not ship(sender)
    assert sender.pending() == 10_000
    assert not ship(sender)
    control.is_down = False
    assert ship(sender)
    assert seqs(control) == list(range(1, 20_001))


def test_anonymous_counts_wait_on_disk_too(folder: Path, control: KeepingControlPlane) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    sender = shipper(folder, control, BOOT)
    for number in range(1, 250):
        cells = [UsageCell(60, f"GET /{count}/{'x' * 200}", "ver_1", 404, "not-found", 1) for count in range(200)]
        assert spool.add_cells(msgspec.msgpack.encode((number, cells)))
    control.is_down = True
    assert not ship(sender)
    assert not ship(sender)
    control.is_down = False
    assert ship(sender)
    assert len(control.cells) == 249 * 200
    assert segments(folder) <= 3


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_passing_refusal_is_waited_out(folder: Path, control: KeepingControlPlane, status: int) -> None:
    note(Spool(folder, BOOT, 0, MUCH), 3)
    sender = shipper(folder, control, BOOT)
    control.usage_status = status
    for _ in range(REFUSALS + 1):
        assert not ship(sender)
    assert (sender.refused(), sender.pending()) == (0, 3)
    control.usage_status = 200
    assert ship(sender)
    assert seqs(control) == [1, 2, 3]


def test_a_batch_refused_for_ever_is_set_aside_told_and_sent_again_at_the_next_start(
    folder: Path, control: KeepingControlPlane
) -> None:
    spool = Spool(folder, BOOT, 0, MUCH)
    note(spool, 3)
    sender = shipper(folder, control, BOOT)
    control.usage_status = 400
    for _ in range(REFUSALS - 1):
        assert not ship(sender)
        assert sender.refused() == 0
    assert ship(sender)
    assert (sender.refused(), sender.pending()) == (1, 0)
    assert "1 batches" in sender.problems()["spool.E004"]
    assert SEGMENT_BYTES < sender.spool_bytes() < 2 * SEGMENT_BYTES
    control.usage_status = 200
    note(spool, 2)
    assert ship(sender)
    assert seqs(control) == [4, 5]
    following = shipper(folder, control, BOOT)
    assert ship(following)
    assert seqs(control) == [1, 2, 3, 4, 5]
    assert following.problems() == {}


def test_a_refused_batch_of_one_worker_does_not_hold_up_the_others(folder: Path, control: KeepingControlPlane) -> None:
    note(Spool(folder, BOOT, 0, MUCH), 3)
    sender = shipper(folder, control, BOOT, OTHER)
    control.usage_status = 422
    assert not ship(sender)
    note(Spool(folder, OTHER, 1, MUCH), 2)
    for _ in range(REFUSALS - 1):
        ship(sender)
    control.usage_status = 200
    assert ship(sender)
    assert seqs(control, OTHER) == [1, 2]
    assert sender.refused() == 1


def test_three_days_of_two_hundred_requests_a_second_fit_and_half_of_them_warns(
    folder: Path, control: KeepingControlPlane
) -> None:
    """B6, by the bytes of an exchange with an id of its client's own and a path of 60 characters."""
    spool = Spool(folder, BOOT, 0, MUCH)
    count = 10_000
    for number in range(1, count + 1):
        assert spool.admit(number, 1_700_000_000_000_000 + number, b"c" * 36, b"/" + b"p" * 59, CONTEXT)
        assert finish(spool, number)
    assert spool.segment == 1
    bytes_each = (spool._offset - FIRST_RECORD) / count
    assert 150 < bytes_each < 220
    assert bytes_each * 200 * 72 * 3600 < SPOOL_BYTES
    others = [Spool(folder, boot, 1, MUCH) for boot in (OTHER, "c" * 32)]
    sender = shipper(folder, control, BOOT)
    sender.limit_bytes = 2 * (1 + len(others)) * SEGMENT_BYTES
    assert sender.problems() == {}
    sender.limit_bytes -= 2
    assert "more than half full" in sender.problems()["spool.E001"]


def test_damaged_files_are_told_for_as_long_as_they_are_there(folder: Path, control: KeepingControlPlane) -> None:
    torn = folder / f"{BOOT}.0.00000000.torn"
    torn.write_bytes(b"")
    assert "1 spool files" in shipper(folder, control).problems()["spool.E003"]  # of a supervisor that just started
    torn.unlink()
    assert "spool.E003" not in shipper(folder, control).problems()
