"""Changes between manifests: what is sent of a new one to whoever has the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway_sync.snapshot.fragments import Manifest


class TrialOffer(msgspec.Struct, frozen=True):
    """What one worker of a gateway is to serve instead of the others.

    Shapes: digest "" and manifest None = nothing is on trial.
    """

    digest: str = ""
    manifest: Manifest | None = None


class ManifestChange(msgspec.Struct, frozen=True):
    """What of the names of fragments is new, means another digest, or is gone."""

    changed: Mapping[str, str] = {}
    removed: Sequence[str] = ()


def change_between(before: Mapping[str, str], after: Mapping[str, str]) -> ManifestChange:
    """What leads from the one to the other. Shapes: digests of fragments by name."""
    changed = {name: digest for name, digest in after.items() if before.get(name) != digest}
    return ManifestChange(changed, sorted(before.keys() - after.keys()))


def with_change(before: Mapping[str, str], change: ManifestChange) -> dict[str, str]:
    """What before becomes by the change, in the order of names."""
    gone = set(change.removed)
    kept = {name: digest for name, digest in before.items() if name not in gone}
    return dict(sorted((kept | dict(change.changed)).items()))
