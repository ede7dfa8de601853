"""Certificates for TLS contexts, whichever side of a connection they are for."""

from __future__ import annotations

import os
import ssl


def load_chain(context: ssl.SSLContext, chain: str, key: bytes) -> None:
    """Give a context its certificate; the key passes through memory only, never through a disk.

    Errors: ssl.SSLError; OSError.
    """
    descriptor = os.memfd_create("chain")
    try:
        os.write(descriptor, chain.encode() + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
