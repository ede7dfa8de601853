"""Rehearsing: a customer on one of Stripe's test clocks walks through a plan, from the trial to the refund.

Everything is real but the money and the time: Stripe's test mode, our own ledger, calls through the gateway with the
customer's own key. Progress is kept in rows, a step at a time, so whatever dies is found and ended.
"""

from __future__ import annotations

from apim.billing.rehearsing.starting import STEPS, announce, cancel_rehearsal, obstacle_to_rehearsal, start_rehearsal
from apim.billing.rehearsing.walking import take_step, tend_rehearsals

__all__ = (
    "STEPS",
    "announce",
    "cancel_rehearsal",
    "obstacle_to_rehearsal",
    "start_rehearsal",
    "take_step",
    "tend_rehearsals",
)
