"""Snapshot: all that one environment's gateways need, immutable, numbered and hashed.

Owns: the shapes on the wire, their canonical bytes and digests. Must not know: Django, sockets, how policies decide.

A snapshot is a manifest of content-addressed fragments. Fragments are plain JSON values; the typed views that the
runtime works on are built from them by `decode`.
"""

from __future__ import annotations

from gateway_sync.snapshot.changes import ManifestChange, change_between, with_change
from gateway_sync.snapshot.fragments import (
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    FORMAT,
    PRODUCTS_FRAGMENT,
    Manifest,
    SnapshotInvalid,
    api_fragment,
    canonical_bytes,
    decode,
    decode_fragment,
    digest,
    encode,
    manifest_of,
    signed_bytes,
)
from gateway_sync.snapshot.shapes import (
    API,
    JSON,
    MAX_FRAGMENT_BYTES,
    MAX_PATH_CHARACTERS,
    MAX_ROUTES_A_VERSION,
    MAX_TARGETS_A_VERSION,
    Certificate,
    Challenge,
    Edge,
    Environment,
    Host,
    Issuer,
    Plan,
    Policy,
    Product,
    Products,
    Quota,
    Rate,
    Route,
    Snapshot,
    Target,
    Version,
)

__all__ = [
    "API",
    "EDGE_FRAGMENT",
    "ENVIRONMENT_FRAGMENT",
    "FORMAT",
    "JSON",
    "MAX_FRAGMENT_BYTES",
    "MAX_PATH_CHARACTERS",
    "MAX_ROUTES_A_VERSION",
    "MAX_TARGETS_A_VERSION",
    "PRODUCTS_FRAGMENT",
    "Certificate",
    "Challenge",
    "Edge",
    "Environment",
    "Host",
    "Issuer",
    "Manifest",
    "ManifestChange",
    "Plan",
    "Policy",
    "Product",
    "Products",
    "Quota",
    "Rate",
    "Route",
    "Snapshot",
    "SnapshotInvalid",
    "Target",
    "Version",
    "api_fragment",
    "canonical_bytes",
    "change_between",
    "decode",
    "decode_fragment",
    "digest",
    "encode",
    "manifest_of",
    "signed_bytes",
    "with_change",
]
