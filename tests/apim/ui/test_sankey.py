"""Flows in three columns: a drawing for wide screens, the same ways as a list for narrow ones."""

from __future__ import annotations

import re

from apim.ui.sankey import Ribbon, Sides, sankey

SIDES = Sides(("Applications", "Versions", "Upstreams"), "Called by", "Goes on to")
ARRIVING = [
    Ribbon("shop", "bank v1", 90, "", "many", "0 % errors"),
    Ribbon("<i>", "bank v1", 10, "sankey__way--many", "few", "100 % errors"),
]
LEAVING = [
    Ribbon("bank v1", "bank.internal:8080", 95, "", "on", "0 % errors"),
    Ribbon("bank v1", "refused", 5, "sankey__way--many", "not", "100 % errors"),
]


def wide(drawn: str) -> str:
    return drawn.split("</svg>", maxsplit=1)[0]


def narrow(drawn: str) -> str:
    return drawn[drawn.index('<ol class="ways') :]


def test_the_drawing_has_a_ribbon_for_each_way_and_a_bar_for_each_end() -> None:
    drawn = wide(sankey(ARRIVING, LEAVING, SIDES, "A sentence"))
    assert drawn.count("<path") == len(ARRIVING) + len(LEAVING)
    assert drawn.count("<rect") == len({"shop", "<i>", "bank v1", "bank.internal:8080", "refused"})
    assert "<i>" not in drawn
    assert 'aria-label="A sentence"' in drawn


def test_ribbons_leave_as_wide_as_they_came() -> None:
    drawn = wide(sankey(ARRIVING, LEAVING, SIDES, ""))
    sizes = [float(size) for size in re.findall(r"v([\d.]+)C", drawn)]
    assert sum(sizes[:2]) == sum(sizes[2:])


def test_narrow_screens_list_by_version_who_calls_it_and_where_it_goes_with_the_share_of_errors_in_words() -> None:
    told = narrow(sankey(ARRIVING, LEAVING, SIDES, ""))
    words = [text for text in re.findall(r">([^<>]+)<", told) if text.strip()]
    assert words == [
        "bank v1", "100",
        "Called by", "shop", "90, 0 % errors", "&lt;i&gt;", "10, 100 % errors",
        "Goes on to", "bank.internal:8080", "95, 0 % errors", "refused", "5, 100 % errors",
    ]  # fmt: skip
    assert 'width="94.7"' in told, "bars are as long as they are of the largest way"


def test_a_long_name_is_cut_where_it_fits_and_whole_in_its_title() -> None:
    names = "a" * 40, "口座" * 20
    drawn = wide(sankey([Ribbon(*names, 1, "", "")], [], SIDES, ""))
    assert all(f"<title>{name}</title>" in drawn for name in names)
    assert [len(name) for name in re.findall(r"</title>([^<]*…)", drawn)] == [24, 12]


def test_what_goes_nowhere_is_drawn_and_nothing_at_all_too() -> None:
    assert wide(sankey(ARRIVING, [], SIDES, "")).count("<path") == len(ARRIVING)
    assert "<svg" in sankey([], [], SIDES, "")
