"""Writes of certificates: kept with their keys sealed, told to gateways, warned of before they expire."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.accounts.links import absolute_url
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.gateways.chains import Chain, covers, read_chain
from apim.gateways.models import Certificate, CertificateOrder, Environment, Host
from apim.gateways.services import touch
from apim.listing import enumerated
from apim.notifications.posting import post

WARNED_DAYS = (7, 30)  # before the end; the nearer one last
_NAME_CHARACTERS = 40  # of a host, in the name of its certificate
_SEAL_CONTEXT = "gateways.certificate.key"


@transaction.atomic
def save_certificate(
    *, environment: Environment, name: str, chain: str, key: str, by: Actor, organization: Organization | None = None
) -> Certificate:
    """The certificate of this name, new or in place of the one before; gateways show it to the next who connect.

    Errors: Invalid gateways.certificate_*; Conflict when it would change whose it is.
    """
    read = read_chain(chain, key, now=timezone.now())
    if organization is None and not read.hosts:
        message = gettext("The certificate names no host, so callers would refuse it.")
        hint = gettext("Ask for one with a subject alternative name, or give the organization whose APIs present it.")
        raise Invalid("gateways.certificate_no_hosts", message, field="chain", hint=hint)
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)  # else two at once would make it twice
    found = Certificate.objects.filter(environment=environment, name=name).first()
    if found is not None and found.organization_id != (organization.pk if organization else None):
        message = gettext("The certificate %(name)s is for another purpose or organization.") % {"name": name}
        raise Conflict(
            "gateways.certificate_taken", message, field="organization", hint=gettext("Choose another name.")
        )
    before = state_of(found) if found else None
    certificate = found or Certificate(environment=environment, name=name, organization=organization)
    _fill(certificate, read)
    try:
        certificate.clean_fields(exclude={"hosts", "key_sealed"})  # Django takes an empty list for a missing value
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise Invalid("gateways.invalid_value", texts[0], field=field) from error
    certificate.save()
    action = "certificate.replace" if found else "certificate.create"
    record(by=by, action=action, target=certificate, before=before, after=state_of(certificate))
    touch([environment.pk])
    return certificate


def certificate_name(host: str) -> str:
    """The name of the certificate that is ordered for a host."""
    readable = re.sub(r"[^a-z0-9]+", "-", host)[:_NAME_CHARACTERS].strip("-")
    return f"acme-{readable}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def _fill(certificate: Certificate, read: Chain) -> None:
    fields = asdict(read)
    certificate.key_sealed = settings.KEYRING.seal(fields.pop("key"), _SEAL_CONTEXT)
    certificate.hosts = list(fields.pop("hosts"))
    certificate.warned_days = 0
    for name, value in fields.items():
        setattr(certificate, name, value)


@transaction.atomic
def delete_certificate(*, certificate: Certificate, by: Actor) -> None:
    """Forget a certificate and its key; callers of hosts that no other one covers are refused from then on."""
    environment_id = certificate.environment_id
    record(by=by, action="certificate.delete", target=certificate, before=state_of(certificate))
    certificate.delete()
    touch([environment_id])


def private_key_of(certificate: Certificate) -> bytes:
    """The private key, PEM; only for sealing it for gateways."""
    key: bytes = settings.KEYRING.unseal(bytes(certificate.key_sealed), _SEAL_CONTEXT)
    return key


def uncovered_without(certificate: Certificate) -> tuple[str, ...]:
    """The environment's host names that no other listener certificate covers: what deleting this one would break."""
    others = Certificate.objects.filter(environment=certificate.environment_id, organization=None)
    names = [name for hosts in others.exclude(pk=certificate.pk).values_list("hosts", flat=True) for name in hosts]
    served = Host.objects.filter(environment=certificate.environment_id).values_list("name", flat=True)
    return tuple(
        host
        for host in served
        if any(covers(name, host) for name in certificate.hosts) and not any(covers(name, host) for name in names)
    )


@transaction.atomic
def warn_of_expiry(now: datetime) -> int:
    """How many mails about certificates that end soon were sent; each is warned of 30 and 7 days before, once.

    One that is renewed by ACME is warned of when its renewal failed; until then nobody has anything to do.
    """
    count = 0
    ending = Certificate.objects.select_for_update(no_key=True, of=("self",)).filter(
        not_after__lte=now + timedelta(days=max(WARNED_DAYS))
    )
    renewed = CertificateOrder.objects.filter(failures=0, certificate__not_after__gt=now)
    ending = ending.exclude(pk__in=renewed.values("certificate"))
    for certificate in ending.select_related("environment"):
        days = min(days for days in WARNED_DAYS if certificate.not_after <= now + timedelta(days=days))
        if certificate.warned_days and certificate.warned_days <= days:
            continue
        certificate.warned_days = days
        certificate.save(update_fields=["warned_days"])
        count += len(_warn(certificate, now))
    return count


def _warn(certificate: Certificate, now: datetime) -> list[object]:
    left = max(0, (certificate.not_after - now).days)
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
    ended = certificate.not_after <= now
    order = CertificateOrder.objects.filter(certificate=certificate).select_related("host").first()
    return list(
        post(
            "gateways.certificate_ends",
            to=list(admins.values_list("email", flat=True)),
            values={
                "certificate": certificate,
                "environment": certificate.environment,
                "ends": lambda: gettext("has expired") if ended else _expires_in(left),
                "when": f"{certificate.not_after:%Y-%m-%d %H:%M}",
                "hosts": lambda: enumerated(certificate.hosts),
                "fault": order.fault if order else "",
                "due": f"{order.due_at:%Y-%m-%d %H:%M}" if order else "",
                "link": absolute_url("/console/admin/certificates"),
            },
        )
    )


def _expires_in(days: int) -> str:
    return ngettext("expires in %(days)d day", "expires in %(days)d days", days) % {"days": days}
