"""Compositions: operations that call several services and answer with one document.

Owns: how they are declared, read and checked. Must not know: who calls what, how a gateway runs them.
"""

from gateway_sync.compositions.declaration import Composite, Step
from gateway_sync.compositions.reading import read_composite

__all__ = ["Composite", "Step", "read_composite"]
