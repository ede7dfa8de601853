"""Connections by address: memory follows what is open, and IPv6 counts by what one customer gets."""

from __future__ import annotations

from gateway_sync.runtime.core.addresses import AddressCounts


def test_addresses_of_one_customer_count_together_and_nothing_stays_of_what_is_gone() -> None:
    counts = AddressCounts()
    held = [counts.add(address) for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1")]
    assert [count for _, count in held] == [1, 2, 1, 1]
    for subject, _ in held:
        counts.release(subject)
    assert counts.add("2001:db8::3")[1] == 1
    assert len(counts._counts) == 1
