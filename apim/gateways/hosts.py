"""Writes of host names: what an environment's gateways are called, and what holds for callers of each name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import DomainError, Invalid, Problems
from apim.gateways.chains import read_authorities
from apim.gateways.models import CertificateOrder, Environment, Host
from apim.gateways.services import touch

FIELDS = (
    "api",
    "version",
    "base_path",
    "is_redirected_to_https",
    "hsts_max_age_s",
    "client_certificates",
    "client_ca",
    "certificate_source",
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME = 253
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*")
_MOST_HSTS_S = 63_072_000  # two years: what the preload lists of browsers ask for


@transaction.atomic
def save_host(*, environment: Environment, name: str, by: Actor, changes: Mapping[str, Any]) -> Host:
    """The host of this name, new or with changes to the one there is; what changes does not name stays.

    Errors: Invalid or Problems gateways.host_*.
    """
    name = name.strip().lower().rstrip(".")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        hint = gettext("Write it like api.example.com, or *.example.com for every name one label below.")
        raise Invalid(
            "gateways.host_invalid",
            gettext("%(name)s is not a host name.") % {"name": name[:80]},
            field="name",
            hint=hint,
        )
    if unknown := sorted(changes.keys() - set(FIELDS)):
        raise Invalid(
            "gateways.unknown_field",
            gettext("A host has no field %(name)s.") % {"name": unknown[0]},
            field=unknown[0],
        )
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)  # else two at once would make it twice
    found = Host.objects.filter(environment=environment, name=name).first()
    before = state_of(found) if found else None
    host = found or Host(environment=environment, name=name)
    for field, value in changes.items():
        setattr(host, field, value)
    host.base_path = host.base_path.rstrip("/")
    if errors := _errors_in(host):
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    if host.client_ca:
        host.client_ca = read_authorities(host.client_ca, field="client_ca")
    try:
        host.clean_fields()
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise Invalid("gateways.invalid_value", texts[0], field=field) from error
    if before == state_of(host):
        return host
    host.save()
    _follow(host)
    record(by=by, action="host.update" if found else "host.create", target=host, before=before, after=state_of(host))
    touch([environment.pk])
    return host


@transaction.atomic
def delete_host(*, host: Host, by: Actor) -> None:
    """Forget a host; its callers are served like those of a name that nobody configured."""
    environment_id = host.environment_id
    record(by=by, action="host.delete", target=host, before=state_of(host))
    host.delete()
    touch([environment_id])


def _follow(host: Host) -> None:
    """Have its certificate ordered, or leave it to people."""
    if host.certificate_source == Host.CertificateSource.ACME:
        CertificateOrder.objects.get_or_create(host=host, defaults={"due_at": timezone.now()})
    else:
        CertificateOrder.objects.filter(host=host).delete()


def _errors_in(host: Host) -> list[DomainError]:
    errors: list[DomainError] = []
    if host.version and not host.api:
        errors.append(Invalid("gateways.host_version", gettext("A version needs the API it is of."), field="version"))
    if host.base_path and not host.api:
        message = gettext("A base path stands for one API; without an API, callers use each API's own path.")
        errors.append(Invalid("gateways.host_base_path", message, field="base_path"))
    if not _BASE_PATH.fullmatch(host.base_path) or any(part in {".", ".."} for part in host.base_path.split("/")):
        hint = gettext("Write it like /payments.")
        errors.append(
            Invalid(
                "gateways.host_base_path", gettext("This is not the beginning of a path."), field="base_path", hint=hint
            )
        )
    if not 0 <= host.hsts_max_age_s <= _MOST_HSTS_S:
        message = gettext("It is at most %(seconds)s seconds, two years.") % {"seconds": _MOST_HSTS_S}
        errors.append(Invalid("gateways.host_hsts", message, field="hsts_max_age_s"))
    if host.client_certificates != Host.ClientCertificates.OFF and not host.client_ca:
        message = gettext("Client certificates are asked for, but no authority is named that issues them.")
        errors.append(Invalid("gateways.host_client_ca", message, field="client_ca"))
    if host.certificate_source == Host.CertificateSource.ACME:
        errors += _errors_of_acme(host)
    return errors


def _errors_of_acme(host: Host) -> list[DomainError]:
    if host.name.startswith("*."):
        message = gettext("An authority proves single names only over HTTP.")
        hint = gettext("Keep a certificate for the wildcard yourself, or name each host.")
        return [Invalid("gateways.host_acme_wildcard", message, field="certificate_source", hint=hint)]
    environment = host.environment
    if not (environment.acme_directory and environment.acme_contact and environment.has_agreed_to_acme_terms):
        message = gettext("The environment has no ACME authority yet.")
        hint = gettext(
            "On the environment's page, name the authority's directory and a contact, and agree to its terms."
        )
        return [Invalid("gateways.host_acme_environment", message, field="certificate_source", hint=hint)]
    return []
