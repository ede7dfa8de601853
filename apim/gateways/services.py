"""Writes: what gateways must know next, and the gateways themselves.

Revisions and sequence numbers are taken by UPDATE ... RETURNING on the environment's row. The row stays locked until
the commit, so the order of the numbers is the order of the commits, and a reader that follows them misses nothing.
Callers do it last in their transaction: all writers of an environment queue behind that lock.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.gateways.acme.settings import check_authority
from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.gateways.publishing import announce_on_commit
from apim.gateways.standing import TOKEN_PREFIX, new_token, take_next_token
from apim.listing import enumerated
from gateway_sync.policies import parse_policy
from gateway_sync.problems import Where

MOST_TRIAL_SHARE = 99  # percent
# Gateways hear of the control plane each 20 s where nothing changes, and ask again 5 s after a failure: less would
# refuse callers over one lost answer. Past a week nobody would call it a bound.
REVOCATION_AGES_S = range(60, 7 * 86_400 + 1)
ACME_FIELDS = ("acme_directory", "acme_contact", "has_agreed_to_acme_terms")
_EDITABLE = frozenset(
    {
        "display_name",
        "base_url",
        "allowed_networks",
        "allow_public_networks",
        "allow_unverified_upstreams",
        "address_rate_per_s",
        "address_burst",
        "max_revocation_age_s",
        "policies",
        "has_sandbox",
        "trial_s",
        "trial_by",
        "trial_share",
        *ACME_FIELDS,
    }
)
_LISTS = frozenset({"allowed_networks", "policies"})  # checked here: Django takes an empty list for a missing value
_NEVER_ALLOWED = tuple(ipaddress.ip_network(block) for block in ("169.254.0.0/16", "fe80::/10"))  # metadata services


@dataclass(frozen=True, slots=True)
class AccessChange:
    """The new state of one access record.

    Shapes: kind is of AccessRecord.Kind; key is the hash for credentials, else the row's id; body null = removed.
    """

    kind: str
    key: str
    body: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class EnrolledGateway:
    """A gateway and its token, which is shown this once."""

    gateway: Gateway
    token: str


@transaction.atomic
def touch(environment_ids: Iterable[str]) -> None:
    """Count a new wanted state of each environment, and have it published on commit."""
    now = timezone.now()
    for environment_id in sorted(set(environment_ids)):  # one order of locks for all writers: no deadlock
        _advance("revision", 1, environment_id)
        Environment.objects.filter(id=environment_id).update(touched_at=now)
        announce_on_commit(environment_id)


@transaction.atomic
def append_access(*, environment_id: str, changes: Iterable[AccessChange]) -> int:
    """The sequence number of the last of changes, which are now part of the environment's access log.

    Shapes: each record has a number of its own, so that pages of the log have clear ends; the last change of a
    key wins. Without changes, the number stays.
    """
    latest = {(change.kind, change.key): change.body for change in changes}
    last = _advance("access_seq", len(latest), environment_id)
    if not latest:
        return last
    AccessRecord.objects.bulk_create(
        [
            AccessRecord(environment_id=environment_id, kind=kind, key=key, seq=seq, body=body)
            for seq, ((kind, key), body) in enumerate(latest.items(), start=last - len(latest) + 1)
        ],
        update_conflicts=True,
        unique_fields=("environment", "kind", "key"),
        update_fields=("seq", "body"),
        batch_size=500,
    )
    announce_on_commit(environment_id)
    return last


def default_environment() -> Environment:
    """The environment named "default", made when it is missing."""
    environment, is_new = Environment.objects.get_or_create(name="default", defaults={"display_name": "Default"})
    if is_new:
        touch([environment.id])
        environment.refresh_from_db()
    return environment


@transaction.atomic
def update_environment(*, environment: Environment, changes: Mapping[str, Any], by: Actor) -> Environment:
    """The environment with changes, which its gateways are told."""
    if unknown := sorted(changes.keys() - _EDITABLE):
        message = gettext("An environment has no field %(name)s that can be changed.") % {"name": unknown[0]}
        raise Invalid(
            "gateways.unknown_field",
            message,
            field=unknown[0],
            hint=gettext("Fields: %(names)s.") % {"names": enumerated(sorted(_EDITABLE))},
        )
    if errors := _errors_in(changes):
        raise Problems(errors)
    environment.refresh_from_db(from_queryset=Environment.objects.select_for_update(no_key=True))
    before = state_of(environment)
    for name, value in changes.items():
        setattr(environment, name, value)
    if any(before[name] != getattr(environment, name) for name in ACME_FIELDS):
        changes = {**changes, **check_authority(environment, before)}
    try:
        unchanged = {field.name for field in Environment._meta.fields} - changes.keys()  # noqa: SLF001 - documented
        environment.clean_fields(exclude=unchanged | _LISTS)
    except ValidationError as error:
        raise Problems(
            tuple(Invalid("gateways.invalid_value", texts[0], field=name) for name, texts in error.message_dict.items())
        ) from error
    environment.save(update_fields=list(changes))
    record(by=by, action="environment.update", target=environment, before=before, after=state_of(environment))
    touch([environment.id])
    return environment


@transaction.atomic
def enroll_gateway(*, environment: Environment, name: str, by: Actor, group: str = "") -> EnrolledGateway:
    """The gateway of that name with a fresh token; the token it had before is void. A group is for good."""
    token = new_token()
    token_hash = settings.KEYRING.hash_secret(token)
    list(Environment.objects.select_for_update(no_key=True).order_by("id"))  # of two at once, in any, one makes it
    gateway = Gateway.objects.filter(name=name).first()
    if gateway is None:
        gateway = Gateway(environment=environment, name=name, group=group, token_hash=token_hash)
        try:
            gateway.clean_fields()
        except ValidationError as error:
            raise Invalid("gateways.invalid_name", error.messages[0], field="name") from error
        action = "gateway.enroll"
    elif gateway.environment_id == environment.id:
        gateway.token_hash, gateway.next_token_hash = token_hash, ""
        action = "gateway.renew_token"
    else:
        message = gettext("A gateway named %(name)s serves another environment.") % {"name": name}
        raise Conflict("gateways.name_taken", message, field="name", hint=gettext("Choose another name."))
    gateway.token_issued_at, gateway.rotation_asked_at = timezone.now(), None
    gateway.save()
    if action == "gateway.enroll" and environment.gateways.count() > 1:
        touch([environment.id])  # limits are shared by one more
    record(by=by, action=action, target=gateway, after=state_of(gateway))
    if gateway.group and action == "gateway.enroll":
        touch([environment.id])  # its group is sent a state of its own
    return EnrolledGateway(gateway, token)


def authenticate_gateway(token: str) -> Gateway | None:
    """The gateway that holds token; the first time that it comes with its next one, the one before is void."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    token_hash = settings.KEYRING.hash_secret(token)
    known = Gateway.objects.select_related("environment").filter(token_hash=token_hash).first()
    return known or take_next_token(token_hash)


def _advance(column: str, by: int, environment_id: str) -> int:
    """The new value of a counter of the environment; its row is locked until the transaction ends."""
    table = connection.ops.quote_name(Environment._meta.db_table)  # noqa: SLF001 - documented
    name = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {name} = {name} + %s WHERE id = %s RETURNING {name}",  # noqa: S608 - our own names
            [by, environment_id],
        )
        row = cursor.fetchone()
    if row is None:
        message = gettext("There is no environment %(name)s.") % {"name": environment_id}
        raise Invalid("gateways.no_environment", message)
    return int(row[0])


def _errors_in(changes: Mapping[str, Any]) -> tuple[DomainError, ...]:
    if wrong := sorted(name for name in _LISTS & changes.keys() if not isinstance(changes[name], list)):
        message = gettext("%(name)s must be a list.") % {"name": wrong[0]}
        return (Invalid("gateways.invalid_value", message, field=wrong[0]),)
    errors: list[DomainError] = [
        Invalid("gateways.invalid_value", gettext("It must be above 0: 0 would refuse every caller."), field=name)
        for name in ("address_rate_per_s", "address_burst")
        if changes.get(name, 1) == 0
    ]
    if not MOST_TRIAL_SHARE >= changes.get("trial_share", 1) >= 1:
        message = gettext("Some of the gateways try it, and some do not: a share is from 1 to 99 percent.")
        errors.append(Invalid("gateways.invalid_value", message, field="trial_share"))
    if (age_s := changes.get("max_revocation_age_s") or 0) and age_s not in REVOCATION_AGES_S:
        message = gettext("It is 0, for no bound, or from %(least)d seconds to %(most)d, a week.")
        bounds = {"least": REVOCATION_AGES_S[0], "most": REVOCATION_AGES_S[-1]}
        errors.append(Invalid("gateways.invalid_value", message % bounds, field="max_revocation_age_s"))
    for block in changes.get("allowed_networks", ()):
        errors += _errors_in_network(block)
    for policy in changes.get("policies", ()):
        errors += _errors_in_policy(policy)
    return tuple(errors)


def _errors_in_policy(policy: Any) -> list[DomainError]:
    if not isinstance(policy, Mapping) or len(policy) != 1:
        message, hint = gettext("A policy is one kind and its settings."), gettext("Write each as {kind: settings}.")
        return [Invalid("gateways.policy_invalid", message, field="policies", hint=hint)]
    ((kind, policy_settings),) = policy.items()
    _, problems = parse_policy(kind, policy_settings, Where("environment", "", "policies"))
    return [
        Invalid(problem.code, problem.message, hint=problem.hint, field="policies")
        for problem in problems
        if problem.is_error
    ]


def _errors_in_network(block: str) -> list[DomainError]:
    try:
        network = ipaddress.ip_network(block)
    except ValueError:
        message, hint = gettext("%(block)s is not a network.") % {"block": block}, gettext("Write it like 10.0.0.0/8.")
        return [Invalid("gateways.network_invalid", message, field="allowed_networks", hint=hint)]
    if any(network.version == never.version and network.subnet_of(never) for never in _NEVER_ALLOWED):  # type: ignore[arg-type]
        words = gettext("%(block)s holds link-local addresses, where clouds keep their metadata services.")
        message = words % {"block": block}
        return [Invalid("gateways.network_forbidden", message, field="allowed_networks")]
    return []
