"""Places of which each may have few, and which a slow reader does not keep from others."""

from __future__ import annotations

from gateway_sync.delivery.places import Places


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_there_are_so_many_and_each_may_have_fewer() -> None:
    places = Places(3, each=2)
    assert [places.take("a"), places.take("a"), places.take("a")] == [True, True, False]
    assert [places.take("b"), places.take("c")] == [True, False]
    places.give_back("a")
    assert (places.take("c"), places.taken) == (True, 3)


def test_who_is_too_slow_keeps_a_place_from_nobody_else_and_gets_no_other_one() -> None:
    clock = Clock()
    places = Places(2, each=2, clock=clock)
    for _ in range(2):
        assert places.take("slow")
        places.expect_back("slow", 10.0)
    assert not places.take("other")
    clock.now = 10.0
    assert (places.take("other"), places.take("another"), places.taken) == (True, True, 2)
    assert not places.take("slow")
    places.give_back("slow")
    places.give_back("other")
    assert places.take("slow")


def test_a_place_whose_end_is_not_known_yet_counts_until_it_comes_back() -> None:
    clock = Clock()
    places = Places(1, each=1, clock=clock)
    assert places.take("a")
    clock.now = 1e9
    assert not places.take("b")
    places.give_back("a")
    assert places.taken == 0


def test_however_many_are_too_slow_together_they_have_no_more_than_so_many() -> None:
    clock = Clock()
    places = Places(2, each=2, ever=5, clock=clock)
    for number in range(5):
        assert places.take(f"slow {number}")
        places.expect_back(f"slow {number}", 10.0)
        clock.now += 10.0
    assert (places.taken, places.take("other")) == (0, False)
    places.give_back("slow 0")
    assert places.take("other")
