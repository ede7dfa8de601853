"""Orders: what is done next for each host whose certificate comes by ACME, and what became of it.

Owns: the steps of an order, when the next one is due, whom a failure is told. Each step is a call or two to the
authority and one transaction, so that a process that dies between two of them costs the time of a claim.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apim.accounts.links import absolute_url
from apim.accounts.models import User
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record
from apim.errors import Conflict, DomainError
from apim.gateways.acme.accounts import client_of, forget_account
from apim.gateways.acme.client import ACMEClient, ACMEFault, text_of, words_of
from apim.gateways.acme.jws import base64url
from apim.gateways.certificates import certificate_name, save_certificate
from apim.gateways.models import CertificateOrder, Environment, Host, Worker
from apim.gateways.services import touch
from apim.notifications.posting import post

logger = logging.getLogger(__name__)

RUN_S: Final = 20.0
CLAIM: Final = timedelta(seconds=90)  # longer than any step
BACKOFF_S: Final = (60, 300, 1800, 10_800, 43_200, 86_400)  # after so many failures; authorities count failures too
JITTER: Final = 0.2
GATEWAYS_TAKE: Final = timedelta(minutes=2)
AUTHORITY_TAKES: Final = timedelta(minutes=10)
LIVE: Final = timedelta(seconds=60)  # a worker that said nothing for longer is not waited for
_POLL_S: Final = 2
_SEAL_CONTEXT: Final = "gateways.order.key"
_ACTOR: Final = system_actor("ACME")
_State = CertificateOrder.State


def run_due(*, most_s: float = RUN_S) -> int:
    """How many steps were taken of orders that are due."""
    ends_at = time.monotonic() + most_s
    count = 0
    while time.monotonic() < ends_at and (order := _claim_next(timezone.now())) is not None:
        take_step(order)
        count += 1
    return count


def _claim_next(now: datetime) -> CertificateOrder | None:
    """The order that is due longest, held against other processes.

    At most one of an environment at a time, so that an authority that hangs holds up one process only.
    """
    busy = CertificateOrder.objects.filter(claimed_until__gt=now).values("host__environment")
    due = CertificateOrder.objects.filter(Q(due_at__lte=now) | Q(state=_State.ISSUED, certificate=None))
    for order in due.exclude(host__environment__in=busy).select_related("host__environment", "certificate")[:20]:
        free = CertificateOrder.objects.filter(pk=order.pk, due_at=order.due_at).exclude(claimed_until__gt=now)
        if free.update(claimed_until=now + CLAIM):
            return order
    return None


def take_step(order: CertificateOrder) -> None:
    """Do what is next for an order; whatever fails is noted, and tried again later."""
    try:
        client = client_of(order.host.environment)
        if order.state in {_State.WAITING, _State.ISSUED}:
            _place(order, client)
        elif order.state == _State.ANSWERING:
            _answer(order, client)
        else:
            _follow(order, client)
    except ACMEFault as fault:
        if fault.kind == "accountDoesNotExist":
            forget_account(order.host.environment)
        _fail(order, str(fault), fault.retry_after_s)
    except DomainError as error:
        _fail(order, error.message)


def _place(order: CertificateOrder, client: ACMEClient) -> None:
    """Order a certificate, and have the gateways answer the authority's challenge."""
    placed = client.order(order.host.name)
    changes: dict[str, Any] = {"url": placed.location, "began_at": timezone.now(), "state": _State.VALIDATING}
    if placed.text("status") == "pending":
        proof = _proof_of(client, placed.fields())
        if proof.get("status") != "valid":
            challenge = _http_challenge(proof)
            token = text_of(challenge, "token")
            changes |= {"challenge_url": text_of(challenge, "url"), "token": token, "state": _State.ANSWERING}
            changes["answer"] = client.key.key_authorization(token)
    _move(order, is_for_gateways="token" in changes, **changes)


def _proof_of(client: ACMEClient, order: dict[str, Any]) -> dict[str, Any]:
    return client.look(_first_authorization(order)).fields()


def _first_authorization(order: dict[str, Any]) -> str:
    found = order.get("authorizations")
    if isinstance(found, list) and found and isinstance(found[0], str):
        return found[0]
    message = "The authority's order names no authorization."
    raise ACMEFault(message)


def _http_challenge(proof: dict[str, Any]) -> dict[str, Any]:
    for challenge in proof.get("challenges") or ():
        if isinstance(challenge, dict) and challenge.get("type") == "http-01":
            return challenge
    message = "The authority does not offer to look over HTTP (http-01), the only proof that is possible here."
    raise ACMEFault(message)


def _answer(order: CertificateOrder, client: ACMEClient) -> None:
    """Let the authority look, once every gateway answers."""
    now = timezone.now()
    workers = Worker.objects.filter(gateway__environment=order.host.environment_id, seen_at__gt=now - LIVE)
    revisions = list(workers.values_list("revision", flat=True))
    if revisions and min(revisions) >= order.wanted_revision:
        client.answer_challenge(order.challenge_url)
        _move(order, state=_State.VALIDATING, due_at=now + timedelta(seconds=_POLL_S))
    elif order.began_at is None or now - order.began_at > GATEWAYS_TAKE:
        message = "The gateways have not taken the answer to the authority's challenge: see Gateways."
        raise ACMEFault(message)
    else:
        _move(order, due_at=now + timedelta(seconds=_POLL_S))


def _follow(order: CertificateOrder, client: ACMEClient) -> None:
    """Do what an order's state at the authority asks for."""
    answer = client.look(order.url)
    fields, now = answer.fields(), timezone.now()
    status = text_of(fields, "status")
    if status == "ready":
        _finalize(order, client, text_of(fields, "finalize"))
    elif status == "valid":
        _keep(order, client.certificate(text_of(fields, "certificate")))
    elif status == "invalid" or (status == "pending" and _proof_of(client, fields).get("status") == "invalid"):
        raise ACMEFault(_why_invalid(client, fields))  # some authorities leave the order pending
    elif order.began_at is None or now - order.began_at > AUTHORITY_TAKES:
        message = f"The authority has not come to an end for {AUTHORITY_TAKES.seconds // 60} minutes."
        raise ACMEFault(message)
    else:
        _move(order, due_at=now + timedelta(seconds=max(_POLL_S, answer.retry_after_s)))


def _finalize(order: CertificateOrder, client: ACMEClient, url: str) -> None:
    """Ask for the certificate of a fresh key, which is kept before anybody hears of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(order.host.name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _move(order, key_sealed=settings.KEYRING.seal(pem, _SEAL_CONTEXT), due_at=timezone.now() + CLAIM)
    client.finalize(url, base64url(request.public_bytes(serialization.Encoding.DER)))
    _move(order)


def _why_invalid(client: ACMEClient, order: dict[str, Any]) -> str:
    """What the authority holds against an order: the error of its challenge, else its own."""
    told = words_of(order.get("error"))
    for challenge in _proof_of(client, order).get("challenges") or ():
        if isinstance(challenge, dict) and challenge.get("error"):
            told = words_of(challenge["error"])
    kind, words = told
    meaning = {
        "connection": "The authority could not reach this host by HTTP, port 80.",
        "dns": "The authority does not find this name in the DNS, or not where it leads.",
        "unauthorized": "Somebody else answered the authority under this name.",
        "caa": "A CAA record in the DNS forbids this authority to issue for the name.",
    }.get(kind, "The authority refused.")
    return f"{meaning} {words}".strip()


@transaction.atomic
def _keep(order: CertificateOrder, chain: str) -> None:
    """The certificate is here: show it, and renew it after two thirds of its life."""
    key = settings.KEYRING.unseal(bytes(order.key_sealed), _SEAL_CONTEXT).decode()
    certificate = save_certificate(
        environment=order.host.environment,
        name=order.certificate.name if order.certificate else certificate_name(order.host.name),
        chain=chain,
        key=key,
        by=_ACTOR,
    )
    life = certificate.not_after - certificate.not_before
    renewed_at = certificate.not_before + life * (2 / 3 + random.uniform(-0.02, 0.02))  # noqa: S311 - spreads the load
    _move(
        order, is_for_gateways=True, certificate=certificate, state=_State.ISSUED, failures=0, fault="", token="",
        answer="", url="", challenge_url="", key_sealed=b"", began_at=None, due_at=renewed_at,
    )  # fmt: skip


@transaction.atomic
def _fail(order: CertificateOrder, words: str, retry_after_s: int = 0) -> None:
    """Note why, say it once, and try again later: soon at first, then ever more seldom."""
    logger.warning("the certificate of %s was not ordered: %s", order.host, words)
    failures = order.failures + 1
    pause_s = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    due_at = timezone.now() + timedelta(seconds=max(pause_s, retry_after_s))
    record(by=_ACTOR, action="host.certificate_failed", target=order.host, reason=words)
    _move(
        order, is_for_gateways=bool(order.token), state=_State.WAITING, failures=failures, fault=words[:500],
        token="", answer="", url="", challenge_url="", key_sealed=b"", began_at=None, due_at=due_at,
    )  # fmt: skip
    if failures == 1:
        _tell(order)


def _tell(order: CertificateOrder) -> None:
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
    link = absolute_url(f"/console/admin/hosts/{order.host_id}")
    post(
        "gateways.certificate_failed",
        to=list(admins.values_list("email", flat=True)),
        values={
            "host": order.host,
            "environment": order.host.environment,
            "fault": order.fault,
            "due": f"{order.due_at:%Y-%m-%d %H:%M}",
            "until": f"{order.certificate.not_after:%Y-%m-%d %H:%M}" if order.certificate else "",
            "link": link,
        },
    )


@transaction.atomic
def _move(order: CertificateOrder, *, is_for_gateways: bool = False, **changes: Any) -> None:
    """The order as it is from now on, free for the next step; due at once unless changes say when."""
    changes = {"due_at": timezone.now(), "claimed_until": None} | changes
    if is_for_gateways:
        touch([order.host.environment_id])
        changes["wanted_revision"] = Environment.objects.values_list("revision", flat=True).get(
            pk=order.host.environment_id
        )
    for name, value in changes.items():
        setattr(order, name, value)
    CertificateOrder.objects.filter(pk=order.pk).update(**changes)  # the host may be gone by now


@transaction.atomic
def order_now(*, host: Host, by: Actor) -> None:
    """Order, or renew, at once; an order under way goes on as it is. Errors: Conflict gateways.host_not_acme."""
    order = CertificateOrder.objects.filter(host=host).first()
    if order is None:
        message = f"The certificate of {host} does not come by ACME."
        raise Conflict("gateways.host_not_acme", message, hint="Set certificate_source to acme.")
    if order.state in {_State.WAITING, _State.ISSUED}:
        CertificateOrder.objects.filter(pk=order.pk).update(state=_State.WAITING, due_at=timezone.now())
        record(by=by, action="host.order_certificate", target=host)
