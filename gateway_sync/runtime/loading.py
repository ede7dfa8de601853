"""Loading: the index of a generation on disk, built of what the worker has not built already.

Owns: checking what is read. What one API adds to an index is taken over from the index in force by the digest of the
API, which the manifest's own digest vouches for; only the other fragments are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from gateway_sync.runtime.core.index import Index, Part, fill_part, join_parts
from gateway_sync.runtime.generations import GenerationInvalid, Generations, manifest_at
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Manifest,
    Products,
    accept_part,
    accept_sizes,
    api_fragment,
    decode_fragment,
    whole_digest,
)

_API_PREFIX = api_fragment("")
_SLICE = 64  # parts looked up between two yields

T = TypeVar("T")


def load_index(path: Path, before: Index | None = None) -> Iterator[Index | None]:
    """The index of a generation, built in slices: yields None between them and the index at the end.

    Shapes: before is the index in force, which stays as it is. Errors: GenerationInvalid; snapshot.SnapshotInvalid.
    """
    manifest, folder = manifest_at(path), Generations(path.parent)
    if whole_digest(manifest.environment, manifest.fragments, manifest.format) != manifest.digest:
        reason = "a fragment is damaged or missing"
        raise GenerationInvalid(reason)
    yield None
    index = Index(
        _read(folder, manifest, ENVIRONMENT_FRAGMENT, Environment),
        _read(folder, manifest, PRODUCTS_FRAGMENT, Products),
        manifest.revision,
        manifest.digest,
        _read(folder, manifest, EDGE_FRAGMENT, Edge) if EDGE_FRAGMENT in manifest.fragments else Edge(),
    )
    known = before.parts_for(index.environment) if before is not None else {}
    yield from _fill(index, manifest, folder, known)
    yield index


def _fill(index: Index, manifest: Manifest, folder: Generations, known: Mapping[str, Part]) -> Iterator[None]:
    for number, (name, digest) in enumerate(sorted(manifest.fragments.items())):
        if number % _SLICE == 0:
            yield
        if not name.startswith(_API_PREFIX):
            continue
        part = known.get(digest)
        if part is None:
            part = Part()
            yield from fill_part(part, _read(folder, manifest, name, API), index.environment)
            yield
        index.parts[digest] = part
    yield from join_parts(index, index.parts.values())


def _read(folder: Generations, manifest: Manifest, name: str, shape: type[T]) -> T:
    """A fragment as its typed view. Errors: GenerationInvalid, snapshot.SnapshotInvalid."""
    content = folder.fragment(manifest.fragments.get(name, ""))
    if content is None:
        reason = "a fragment is damaged or missing"
        raise GenerationInvalid(reason)
    accept_sizes({name: len(content)})
    part = decode_fragment(content, shape)
    accept_part(part)
    return part
