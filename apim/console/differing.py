"""What differs between two publications, in the words of the console: which setting of which thing, from what to what.

Owns: what the parts of a state are called. gateway_sync.delivery.differences finds what differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from django.utils.translation import gettext, gettext_lazy, ngettext

from apim.listing import enumerated
from apim.products.models import Product
from apim.ui.said import said
from apim.ui.templatetags.formats import day, size
from gateway_sync.delivery.differences import Change, Field
from gateway_sync.delivery.values import HIDDEN
from gateway_sync.policies import DESCRIPTIONS as POLICIES
from gateway_sync.policies.applied import common_settings
from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.upstreams import DESCRIPTIONS as GROUPS

SHOWN: Final = 4  # lines of a thing; the others are folded
_FEW: Final = 3  # operations that come or go are named one by one; more of them are counted and folded
_OF_APIS: Final = frozenset({"version", "policy", "operation"})
_PRODUCT_ID: Final = re.compile(r"prd_\w+")
_KINDS: Final = {
    "environment": gettext_lazy("Environment"),
    "host": gettext_lazy("Host"),
    "certificate": gettext_lazy("Certificate"),
    "issuer": gettext_lazy("Issuer"),
    "product": gettext_lazy("Product"),
    "plan": gettext_lazy("Plan"),
    "api": gettext_lazy("API"),
    "version": gettext_lazy("Version"),
    "policy": gettext_lazy("Policy"),
    "operation": gettext_lazy("Operation"),
}
_LABELS: Final = {
    ("version", "targets"): gettext_lazy("Addresses of the service"),
    ("version", "timeout_ms"): gettext_lazy("Time-out of the service"),
    ("version", "state"): gettext_lazy("State"),
    ("version", "revision"): gettext_lazy("Revision"),
    ("version", "deprecated_at"): gettext_lazy("Deprecated since"),
    ("version", "sunset_at"): gettext_lazy("Ends on"),
    ("version", "successor"): gettext_lazy("Successor"),
    ("version", "documentation_url"): gettext_lazy("Address of the documentation"),
    ("version", "contract"): gettext_lazy("Document, as policies and the sandbox use it"),
    ("version", "composites"): gettext_lazy("Composite operation"),
    ("operation", "products"): gettext_lazy("Products that open it"),
    ("api", "key_header"): gettext_lazy("Header field of keys"),
    ("plan", "rate"): gettext_lazy("Rate limit"),
    ("plan", "quotas"): gettext_lazy("Quota"),
    ("plan", "weights"): gettext_lazy("Units that a call costs"),
    ("plan", "timezone"): gettext_lazy("Time zone of its days and months"),
    ("plan", "interval"): gettext_lazy("Billed each"),
    ("plan", "is_postpaid"): gettext_lazy("Paid for afterwards"),
    ("plan", "is_sharing"): gettext_lazy("Gateways keep a part for when they cannot ask each other"),
    ("environment", "allowed_networks"): gettext_lazy("Networks upstreams may live in"),
    ("environment", "allow_public_networks"): gettext_lazy("Upstreams may also have public addresses"),
    ("environment", "forbidden_addresses"): gettext_lazy("Addresses that no upstream may have"),
    ("environment", "address_rate_per_s"): gettext_lazy("Calls per second from one client address"),
    ("environment", "address_burst"): gettext_lazy("Burst from one client address"),
    ("environment", "portal_url"): gettext_lazy("Address of the portal"),
    ("environment", "gateways"): gettext_lazy("Gateways that share limits"),
    ("environment", "max_revocation_age_s"): gettext_lazy("Seconds after which a gateway that is cut off refuses keys"),
    ("host", "prefix"): gettext_lazy("What it stands for"),
    ("host", "base_path"): gettext_lazy("Path"),
    ("host", "is_redirected_to_https"): gettext_lazy("Plain HTTP is sent on to HTTPS"),
    ("host", "hsts_max_age_s"): gettext_lazy("Seconds that browsers remember HTTPS"),
    ("host", "client_certificates"): gettext_lazy("Client certificates"),
    ("host", "client_ca"): gettext_lazy("Authorities of client certificates"),
    ("certificate", "chain"): gettext_lazy("Certificate, by its fingerprint"),
    ("certificate", "hosts"): gettext_lazy("Hosts"),
    ("issuer", "keys"): gettext_lazy("Keys"),
    ("issuer", "client_claim"): gettext_lazy("Claim that names the client"),
    ("issuer", "is_for_all"): gettext_lazy("For all organizations"),
    ("issuer", "organizations"): gettext_lazy("Organizations"),
}
_PARTS: Final = {  # of the limits of a plan
    "requests": gettext_lazy("Calls"),
    "per_s": gettext_lazy("In seconds"),
    "burst": gettext_lazy("Burst"),
    "amount": gettext_lazy("Amount"),
    "beyond": gettext_lazy("Above it"),
    "calls per hour": gettext_lazy("Calls an hour"),
    "calls per day": gettext_lazy("Calls a day"),
    "calls per month": gettext_lazy("Calls a month"),
    "units per hour": gettext_lazy("Units an hour"),
    "units per day": gettext_lazy("Units a day"),
    "units per month": gettext_lazy("Units a month"),
    "bytes per hour": gettext_lazy("Bytes an hour"),
    "bytes per day": gettext_lazy("Bytes a day"),
    "bytes per month": gettext_lazy("Bytes a month"),
}
_WORDS: Final = {"true": gettext_lazy("yes"), "false": gettext_lazy("no")}
_TERMS: Final = {
    "bill": gettext_lazy("billed"),
    "block": gettext_lazy("refused"),
    "warn": gettext_lazy("let through and told"),
    "hour": gettext_lazy("hour"),
    "day": gettext_lazy("day"),
    "month": gettext_lazy("month"),
    "year": gettext_lazy("year"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One setting. Shapes: a side is "" where there is nothing; is_hidden = it holds a secret, and no side is shown."""

    label: str
    before: str
    after: str
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that comes, goes or changes. Shapes: names are those of things that are told together."""

    action: str
    kind: str
    subject: str
    lines: tuple[Line, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Line, ...]:
        """The lines in sight."""
        return self.lines[:SHOWN]

    @property
    def folded(self) -> tuple[Line, ...]:
        """The others."""
        return self.lines[SHOWN:]


def told(changes: Sequence[Change]) -> list[Told]:
    """The changes in words, operations of one version together. One query where products are named.

    What an API brings with it, or takes along, is told by the names of its operations.
    """
    whole = {
        (change.subject, change.action) for change in changes if change.kind == "api" and change.action != "changed"
    }
    along = {key: tuple(c.subject for c in changes if c.kind == "operation" and _owner(c) == key) for key in whole}
    changes = [change for change in changes if change.kind not in _OF_APIS or _owner(change) not in whole]
    named = {id_ for change in changes for field in change.fields for id_ in _ids(change, field)}
    products = {row.pk: row.display_name for row in Product.objects.filter(pk__in=named)} if named else {}
    found = [each for _key, same in groupby(changes, _together) for each in _told(list(same), products)]
    return [replace(each, names=along.get((each.subject, each.action), each.names)) for each in found]


def _owner(change: Change) -> tuple[str, str]:
    """The API, and whether it comes or goes with the change."""
    return change.subject.partition(" ")[0], change.action


def _ids(change: Change, field: Field) -> list[str]:
    return _PRODUCT_ID.findall(f"{field.before} {field.after}") if change.kind == "operation" else []


def _together(change: Change) -> tuple[str, ...]:
    """What operations that are told together share: the version, the act and what becomes of each."""
    if change.kind != "operation":
        return (change.kind, change.subject)
    version = " ".join(change.subject.split(" ")[:2])
    return (change.kind, version, change.action, *(f"{field.before}>{field.after}" for field in change.fields))


def _told(changes: Sequence[Change], products: Mapping[str, str]) -> Iterator[Told]:
    if changes[0].kind == "operation" and len(changes) > _FEW:
        first = changes[0]
        api, version = first.subject.split(" ")[:2]
        names = tuple(change.subject.split(" ", 2)[2] for change in changes)
        count = {"count": len(changes), "version": f"{api} {version}"}
        words = ngettext("%(count)s operation of %(version)s", "%(count)s operations of %(version)s", len(changes))
        yield Told(first.action, "", words % count, _lines(first, products), names)
        return
    for change in changes:
        yield Told(change.action, str(_KINDS.get(change.kind, change.kind)), _subject(change), _lines(change, products))


def _subject(change: Change) -> str:
    """The name of the thing, a policy by its title and what it is for, a plan with the number of its version."""
    if change.kind == "plan":
        name, _, number = change.subject.rpartition(" ")
        return gettext("%(name)s, version %(number)s") % {"name": name, "number": number}
    if change.kind != "policy" or (description := _policy(change)) is None:
        return change.subject
    names = {"policy": said(description.title), "scope": change.subject.partition(f" {description.kind}")[0]}
    return gettext("%(scope)s: %(policy)s") % names


def _policy(change: Change) -> Description | None:
    kind = next((word for word in reversed(change.subject.split(" ")) if word in POLICIES), "")
    return POLICIES.get(kind)


def _lines(change: Change, products: Mapping[str, str]) -> tuple[Line, ...]:
    """The fields in words, without the number of a revision where what it brought is told, and without what is off."""
    fields = [field for field in change.fields if field.name != "revision" or len(change.fields) == 1]
    if change.action != "changed":
        fields = [field for field in fields if "false" not in {field.before, field.after}]
    return tuple(
        Line(
            _label(change, field),
            _value(change, field, field.before, products),
            _value(change, field, field.after, products),
            HIDDEN in field.before or HIDDEN in field.after,
        )
        for field in fields
    )


def _label(change: Change, field: Field) -> str:
    """What the setting is called, and where in it something differs: `Set > X-Tenant`."""
    first, *rest = field.path or (field.name,)
    setting, known = _setting(change, field), str(_LABELS.get((change.kind, first), "")) or _spaced(first)
    if (change.kind, first) == ("version", "upstream") and rest:
        group, *rest = rest
        known = said(GROUPS[group].title) if group in GROUPS else group
        rest[:1] = [said(setting.label)] if setting is not None else rest[:1]
    elif setting is not None:
        known = said(setting.label)
    spaced = _plan_part if change.kind == "plan" else _spaced
    return " > ".join([known, *map(spaced, rest)])


def _setting(change: Change, field: Field) -> Setting | None:
    """What a policy or a group of an upstream says of the setting; None for what is neither."""
    path = field.path
    if change.kind == "policy":
        description = _policy(change)
    elif path[:1] == ("upstream",):
        description, path = GROUPS.get("".join(path[1:2])), path[2:]
    else:
        return None
    settings = (*description.settings, *common_settings(description)) if description is not None else ()
    return next((each for each in settings if path and each.name == path[0]), None)


def _plan_part(name: str) -> str:
    return str(_PARTS.get(name, "")) or _spaced(name)


def _spaced(name: str) -> str:
    """A field's name as people read it; names that people chose, such as `GET /accounts`, as they are."""
    return name.replace("_", " ") if re.fullmatch(r"[a-z][a-z0-9_]*", name) else name


def _value(change: Change, field: Field, text: str, products: Mapping[str, str]) -> str:
    """One side as people read it: days, seconds and sizes with their units, products by name, lists with commas."""
    setting = _setting(change, field)
    if setting is not None and setting.type == "size" and text.isdigit():
        return size(int(text))
    if field.name in {"deprecated_at", "sunset_at"}:
        return day(datetime.fromtimestamp(int(text), UTC)) if text.isdigit() and int(text) else ""
    if field.name == "timeout_ms" and text.isdigit():
        return gettext("%(seconds)s s") % {"seconds": f"{int(text) / 1000:g}"}
    if field.name == "products":
        return enumerated(products.get(each, each) for each in _PRODUCT_ID.findall(text))
    if change.kind == "plan" and text in _TERMS:
        return str(_TERMS[text])
    if text.startswith('["'):
        return text.strip('[]"').replace('", "', ", ")
    return str(_WORDS.get(text, text))
