"""What differs between two states, in words: routes, policies, plans, hosts and what else people know by a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from gateway_sync.delivery.models import Fragment
from gateway_sync.delivery.values import places
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Plan,
    Policy,
    Products,
    Quota,
    SnapshotInvalid,
    Version,
    decode_fragment,
    digest,
)

_SEALED: Final = ("chain", "sealed_key")
_OF_PLANS: Final = frozenset(
    {"id", "name", "number", "quotas", "caps"}
)  # what its name says, or what is told otherwise
_TOLD_WHOLE: Final = frozenset({"policy", "plan"})  # what is said of them when they come or go, too
_KINDS: Final = (
    "environment", "host", "certificate", "issuer", "product", "plan", "api", "version", "policy", "operation",
)  # fmt: skip

Subjects = dict[tuple[str, str], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Field:
    """One value that differs, both sides as people may read them; "" = not there.

    Shapes: path is where it stands in what changed, name the same as one text.
    """

    name: str
    before: str
    after: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One readable difference.

    Shapes: kind is environment, host, certificate, issuer, product, plan, api, version, policy or operation; subject
    such as `bank v1 GET /accounts`; action is added, removed or changed; fields are those that differ, of policies and
    plans also when they come or go, of others none then.
    """

    kind: str
    subject: str
    action: str
    fields: tuple[Field, ...] = ()


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """What after changes, by the texts of fragments by name; of a part of an older format only that it differs."""
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    old: Subjects = {}
    new: Subjects = {}
    for name in names:
        try:
            old |= _subjects(name, before[name]) if name in before else {}
            new |= _subjects(name, after[name]) if name in after else {}
        except SnapshotInvalid:
            new[_kind_of(name), name] = {"format": "another"}
    return tuple(_changes(old, new))


def texts_of(fragments: Mapping[str, str]) -> dict[str, str]:
    """The texts of fragments by name, of their digests by name; those that are forgotten are left out."""
    bodies = dict(Fragment.objects.filter(digest__in=set(fragments.values())).values_list("digest", "body"))
    return {name: bodies[wanted] for name, wanted in fragments.items() if wanted in bodies}


def _changes(old: Subjects, new: Subjects) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys(), key=lambda key: (_KINDS.index(key[0]), key[1])):
        kind, subject = key
        is_told = kind in _TOLD_WHOLE or (key in old and key in new)
        fields = _fields(old.get(key, {}), new.get(key, {})) if is_told else ()
        if key not in old:
            yield Change(kind, subject, "added", fields)
        elif key not in new:
            yield Change(kind, subject, "removed", fields)
        elif fields:
            yield Change(kind, subject, "changed", fields)


def _fields(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Field, ...]:
    return tuple(Field(".".join(place.path), place.before, place.after, place.path) for place in places(before, after))


def _kind_of(name: str) -> str:
    return {ENVIRONMENT_FRAGMENT: "environment", PRODUCTS_FRAGMENT: "product", EDGE_FRAGMENT: "host"}.get(name, "api")


def _subjects(name: str, text: str) -> Subjects:
    """Each thing with a name in a fragment, as its plain fields without what is a subject of its own."""
    if name == ENVIRONMENT_FRAGMENT:
        return _of_environment(decode_fragment(text, Environment))
    if name == PRODUCTS_FRAGMENT:
        products = decode_fragment(text, Products)
        plans: Subjects = {("plan", f"{each.name} {each.number}"): _plan(each) for each in products.plans}
        return {("product", each.name): {} for each in products.products} | plans
    if name == EDGE_FRAGMENT:
        edge = decode_fragment(text, Edge)
        certificates: Subjects = {("certificate", each.name): _certificate(asdict(each)) for each in edge.certificates}
        return {("host", each.name): asdict(each) for each in edge.hosts} | certificates
    return _of_api(decode_fragment(text, API))


def _plan(plan: Plan) -> Mapping[str, object]:
    """The terms; quotas by what they count and for how long, caps by their meters."""
    fields = asdict(plan)
    quotas = {_quota_words(each): {"amount": each.requests, "beyond": each.on_exceed} for each in plan.quotas}
    caps = {each.pop("meter"): each for each in map(asdict, plan.caps)}
    terms = {name: value for name, value in fields.items() if name not in _OF_PLANS}
    return terms | {"quotas": quotas} | ({"caps": caps} if caps else {})


def _of_environment(environment: Environment) -> Subjects:
    fields = asdict(environment)
    del fields["policies"], fields["issuers"]
    issuers: Subjects = {("issuer", each.issuer): asdict(each) for each in environment.issuers}
    return {("environment", environment.name): fields} | issuers | _policies(environment.name, environment.policies)


def _of_api(api: API) -> Subjects:
    subjects: Subjects = {("api", api.name): {"key_header": api.key_header}}
    for version in api.versions:
        subjects |= _of_version(f"{api.name} {version.name}", version)
    return subjects


def _of_version(label: str, version: Version) -> Subjects:
    fields = asdict(version)
    del fields["routes"], fields["policies"], fields["id"]
    operations: Subjects = {
        ("operation", f"{label} {route.id}"): {"products": list(route.products)} for route in version.routes
    }
    return {("version", label): fields} | operations | _policies(label, version.policies)


def _policies(label: str, policies: tuple[Policy, ...]) -> Subjects:
    """Policies by kind; the second of one kind with its number."""
    subjects: Subjects = {}
    for policy in policies:
        same = sum(each.kind == policy.kind for each in policies[: policies.index(policy)])
        name = f"{label} {policy.kind}" + (f" ({same + 1})" if same else "")
        subjects["policy", name] = policy.settings
    return subjects


def _certificate(fields: dict[str, object]) -> Mapping[str, object]:
    """A certificate without its texts; that it was replaced shows by the digest of its chain."""
    chain = str(fields["chain"])
    return {name: value for name, value in fields.items() if name not in _SEALED} | {
        "chain": digest(chain.encode())[:16]
    }


def _quota_words(quota: Quota) -> str:
    """`calls per month`, `calls per month (anchored)`."""
    return f"{quota.unit} per {quota.per}" + (" (anchored)" if quota.window == "anchored" else "")
