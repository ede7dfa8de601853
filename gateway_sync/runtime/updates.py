"""Updates: what a control plane says is new, by a push or as an answer, as gateways read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from gateway_sync.runtime.access_state import AccessPage
from gateway_sync.snapshot import AccessCheck, Manifest, ManifestChange, TrialOffer, with_change
from gateway_sync.wire_values import read_body


class Update(msgspec.Struct, frozen=True):
    """A sync answer or a push message.

    Shapes: with a change, the manifest names no fragments, but what became of those of the state with base_digest.
    """

    environment: str
    access: AccessPage
    manifest: Manifest | None = None
    fragments: Mapping[str, str] = {}
    base_digest: str = ""
    change: ManifestChange | None = None
    trial: TrialOffer | None = None  # None = nothing is said about it
    access_check: AccessCheck | None = None  # what all access records should be


_DECODER = msgspec.json.Decoder(Update)


def decode_update(content: bytes) -> Update:
    """Errors: ValueError on any other shape."""
    return read_body(_DECODER.decode, content)


def whole_manifest(manifest: Manifest, update: Update, known: Manifest | None) -> Manifest:
    """The manifest with the fragments it names; of a change on a state that is not known here, with none."""
    if update.change is None:
        return manifest
    is_base = known is not None and known.digest == update.base_digest
    return replace(manifest, fragments=with_change(known.fragments, update.change) if known and is_base else {})
