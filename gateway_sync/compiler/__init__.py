"""The compiler: what rows say, as a snapshot that gateways can load. Pure, total and sorted.

Owns: checks that need more than one row, and the translation. Must not know: Django, clocks, how fragments travel.
A fault is a Problem and never an exception; it holds back the object that has it and nobody else.
"""

from __future__ import annotations

from gateway_sync.compiler.groups import for_group
from gateway_sync.compiler.holding import held_back, hold
from gateway_sync.compiler.loader import Loader
from gateway_sync.compiler.memory import Memory
from gateway_sync.compiler.state import Compiled, compile_snapshot

__all__ = ["Compiled", "Loader", "Memory", "compile_snapshot", "for_group", "held_back", "hold"]
