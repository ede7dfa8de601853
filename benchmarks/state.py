"""What the gateway under measurement serves: a compiled, signed state of any size, made without a database."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.load import VARIANTS, Call
from gateway_sync.compiler import compile_snapshot
from gateway_sync.rows import (
    APIRow,
    EnvironmentRow,
    OperationRow,
    PlanVersionRow,
    PolicyRow,
    ProductItemRow,
    ProductRow,
    QuotaRow,
    RateRow,
    Rows,
    TargetRow,
    UpstreamRow,
    VersionRow,
)
from gateway_sync.snapshot import Manifest, api_fragment, manifest_of, signed_bytes

PEPPER = b"p" * 32
KEYS_AN_APPLICATION = 1000
ROUTES_AN_API = 10
PLENTY = 1_000_000_000
_SEED = b"s" * 32
_PRODUCT, _PLAN = "prd_bench", "plv_bench"


@dataclass(frozen=True, slots=True)
class Size:
    """How much a gateway has to know."""

    routes: int
    keys: int

    @property
    def apis(self) -> int:
        """APIs of ROUTES_AN_API routes each."""
        return max(1, self.routes // ROUTES_AN_API)

    @property
    def routes_an_api(self) -> int:
        """Routes of each API."""
        return min(self.routes, ROUTES_AN_API)


@dataclass(frozen=True, slots=True)
class State:
    """A publication: fragments maps digests to their text."""

    size: Size
    manifest: Manifest
    fragments: dict[str, str]


def verify_key() -> str:
    """The public half of the key that signs the state."""
    return base64.b64encode(_signer().public_key().public_bytes_raw()).decode()


def make_state(size: Size, upstream_port: int, revision: int = 1, policies: tuple[PolicyRow, ...] = ()) -> State:
    """The state of this size; every route leads to one upstream. Each revision differs from the others in one API.

    Errors: ValueError when the compiler finds a problem.
    """
    return state_of(size, make_rows(size, upstream_port, revision, policies), revision)


def state_of(size: Size, rows: Rows, revision: int = 1) -> State:
    """The publication of rows that were made for this size. Errors: ValueError when the compiler finds a problem."""
    compiled = _compiled(rows)
    manifest = _signed(revision, compiled)
    return State(size, manifest, {manifest.fragments[name]: content.decode() for name, content in compiled.items()})


def next_states(size: Size, upstream_port: int) -> Iterator[State]:
    """States without an end, from revision 1 on, each as make_state makes it; what they share is in memory once."""
    first = make_state(size, upstream_port)
    texts = {name: first.fragments[digest] for name, digest in first.manifest.fragments.items()}
    contents = {name: text.encode() for name, text in texts.items()}
    smallest = Size(size.routes_an_api, keys=1)
    for revision in count(1):
        rows = make_rows(smallest, upstream_port, revision)
        name = api_fragment(rows.apis[0].id)
        contents[name] = _compiled(rows)[name]
        texts[name] = contents[name].decode()
        manifest = _signed(revision, contents)
        yield State(size, manifest, {manifest.fragments[each]: text for each, text in texts.items()})


def _compiled(rows: Rows) -> Mapping[str, bytes]:
    compiled = compile_snapshot(rows, {})
    if compiled.problems:
        message = f"the compiler finds {compiled.problems[0]}"
        raise ValueError(message)
    return compiled.fragments


def _signed(revision: int, fragments: Mapping[str, bytes]) -> Manifest:
    unsigned = manifest_of("default", revision, fragments)
    return replace(unsigned, signature=base64.b64encode(_signer().sign(signed_bytes(unsigned))).decode())


def calls_of(size: Size) -> list[Call]:
    """The variants of the load: spread evenly over all routes and all keys."""
    calls = []
    for number in range(VARIANTS):
        api = number * size.apis // VARIANTS
        path = f"/api{api}/v1/things{number % size.routes_an_api}/{number * 7919}"
        calls.append(Call(path, key_of(number * size.keys // VARIANTS)))
    return calls


def key_of(number: int) -> str:
    """The text of a key, as callers send it."""
    return f"apim_bench_{number:032d}"


def access_records(size: Size) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Every access record, in the order of their sequence numbers, beginning with 1."""
    applications = -(-size.keys // KEYS_AN_APPLICATION)
    yield "organization", "org_bench", {"state": "active"}
    for number in range(applications):
        app = f"app_{number}"
        yield "application", app, {"organization": "org_bench", "state": "active", "name": app}
    apps = [f"app_{number}" for number in range(applications)]
    yield (
        "subscription",
        "sub_bench",
        {
            "organization": "org_bench", "product": _PRODUCT, "plan": _PLAN, "lifecycle": "active", "payment": "none",
            "applications": apps, "created_at": 1_760_000_000, "ends_at": 0,
        },
    )  # fmt: skip
    for number in range(size.keys):
        digest = hmac.digest(PEPPER, key_of(number).encode(), "sha256").hex()
        body = {
            "id": f"crd_{number}", "application": apps[number // KEYS_AN_APPLICATION], "organization": "org_bench",
            "product": "", "state": "active", "expires_at": 0,
        }  # fmt: skip
        yield "credential", digest, body


def _signer() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_SEED)


def make_rows(size: Size, upstream_port: int, revision: int = 1, policies: tuple[PolicyRow, ...] = ()) -> Rows:
    """The rows of the state, for those who change them."""
    targets = (TargetRow(f"http://127.0.0.1:{upstream_port}"),)
    apis = tuple(
        APIRow(
            id=f"api_{number:06d}",
            name=f"api{number}",
            organization_id="org_owner",
            key_header="X-API-Key",
            versions=(
                VersionRow(
                    id=f"ver_{number:06d}",
                    name="v1",
                    state="published",
                    revision=1,
                    operations=tuple(
                        OperationRow("GET", f"/things{route}/{{id}}") for route in range(size.routes_an_api)
                    ),
                    passthrough_methods=(),
                    passthrough_prefix="",
                    base_path="",
                    upstream=UpstreamRow(targets, 5.0 + revision if number == 0 else 5.0),
                    policies=policies,
                ),
            ),
        )
        for number in range(size.apis)
    )
    product = ProductRow(_PRODUCT, "bench", tuple(ProductItemRow(api.versions[0].id) for api in apis))
    plan = PlanVersionRow(_PLAN, "bench", 1, RateRow(PLENTY, 1, PLENTY), (QuotaRow(PLENTY * 1000, "month"),))
    environment = EnvironmentRow(
        id="env_bench",
        name="default",
        allowed_networks=("127.0.0.0/8",),
        allow_public_networks=False,
        forbidden_addresses=(),
        address_rate_per_s=PLENTY,
        address_burst=PLENTY,
        policies=(),
    )
    return Rows(environment, apis, (product,), (plan,))
