"""Fragments: the canonical bytes of a snapshot's parts, their digests, and the manifest that names and signs them all.

Fragment names: `environment`, `products`, `api:<id>` for each API, and `edge` where there are certificates or hosts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from gateway_sync.snapshot.shapes import API, Edge, Environment, Products, Snapshot

FORMAT = 1  # in which states are written
READS = (1,)  # what gateways of this release read, the newest first: on disk and from control planes of other releases
WRITES = (1,)  # what control planes of this release can send, the newest first
ENVIRONMENT_FRAGMENT = "environment"
PRODUCTS_FRAGMENT = "products"
EDGE_FRAGMENT = "edge"
_API_PREFIX = "api:"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What names a snapshot: fragments maps a fragment's name to the digest of its canonical bytes.

    Shapes: digest = SHA-256 over format, environment and fragments; revision is not part of it, so that equal
    content has an equal digest. signature = Ed25519 over `signed_bytes`, base64, "" before signing.
    """

    format: int
    environment: str
    revision: int
    digest: str
    fragments: Mapping[str, str]
    signature: str = ""


class SnapshotInvalid(ValueError):
    """A fragment is not of this format."""


def canonical_bytes(value: object) -> bytes:
    """The one encoding of JSON values and of this file's shapes that is hashed and signed: sorted keys, no spaces.

    Shapes: no floats; the compiler makes none.
    """
    return msgspec.json.encode(value, order="sorted")


def digest(content: bytes) -> str:
    """SHA-256 of content as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def api_fragment(api_id: str) -> str:
    """The name of an API's fragment."""
    return _API_PREFIX + api_id


def encode(snapshot: Snapshot) -> dict[str, bytes]:
    """The canonical bytes of each fragment by its name."""
    parts: dict[str, Environment | Products | API | Edge] = {
        ENVIRONMENT_FRAGMENT: snapshot.environment,
        PRODUCTS_FRAGMENT: snapshot.products,
    }
    parts |= {api_fragment(api.id): api for api in snapshot.apis}
    if snapshot.edge != Edge():
        parts[EDGE_FRAGMENT] = snapshot.edge
    return {name: canonical_bytes(part) for name, part in sorted(parts.items())}


def decode(fragments: Mapping[str, bytes | str]) -> Snapshot:
    """The snapshot of encoded fragments; APIs in the order of their ids.

    Errors: SnapshotInvalid for a fragment that is missing, broken, or of a shape this format does not have. Unknown
    fields are passed over: formats change by addition.
    """
    if missing := {ENVIRONMENT_FRAGMENT, PRODUCTS_FRAGMENT} - fragments.keys():
        message = f"fragment {min(missing)} is missing"
        raise SnapshotInvalid(message)
    return Snapshot(
        environment=decode_fragment(fragments[ENVIRONMENT_FRAGMENT], Environment),
        products=decode_fragment(fragments[PRODUCTS_FRAGMENT], Products),
        apis=tuple(
            decode_fragment(content, API) for name, content in sorted(fragments.items()) if name.startswith(_API_PREFIX)
        ),
        edge=decode_fragment(fragments[EDGE_FRAGMENT], Edge) if EDGE_FRAGMENT in fragments else Edge(),
    )


def decode_fragment(content: bytes | str, shape: type[T]) -> T:
    """One fragment as its typed view.

    Errors: SnapshotInvalid.
    """
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotInvalid(str(error)) from error


def manifest_of(environment: str, revision: int, fragments: Mapping[str, bytes]) -> Manifest:
    """The unsigned manifest of encoded fragments."""
    digests = {name: digest(content) for name, content in sorted(fragments.items())}
    return Manifest(FORMAT, environment, revision, whole_digest(environment, digests), digests)


def whole_digest(environment: str, digests: Mapping[str, str], number: int = FORMAT) -> str:
    """What stands for a state: the digest of its manifest. Shapes: digests of fragments by name; number is a format."""
    return digest(canonical_bytes({"format": number, "environment": environment, "fragments": digests}))


def common_format(reads: Collection[int]) -> int:
    """The newest format that a gateway that reads these can be sent; 0 when there is none."""
    return next((number for number in WRITES if number in reads), 0)


def signed_bytes(manifest: Manifest) -> bytes:
    """What the signature covers: everything that decides which state is in force."""
    return canonical_bytes(
        {
            "format": manifest.format,
            "environment": manifest.environment,
            "revision": manifest.revision,
            "digest": manifest.digest,
        }
    )
