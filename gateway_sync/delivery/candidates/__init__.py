"""Candidates: a revision that nobody published answers one call, by a gateway's own code, for who owns it.

Owns: what such a gateway is given, its process, and what its end means. Must not know: pages, who may ask.
"""

from __future__ import annotations

from gateway_sync.delivery.candidates.stating import NOBODY, As, Stated, callers_of, state_of
from gateway_sync.delivery.candidates.trying import Trial, try_call

__all__ = ["NOBODY", "As", "Stated", "Trial", "callers_of", "state_of", "try_call"]
