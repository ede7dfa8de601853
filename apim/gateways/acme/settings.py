"""An environment's authority: what must be told of it, and what a change of it means for orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from apim.errors import DomainError, Invalid, Problems
from apim.gateways.models import CertificateOrder, Environment
from gateway_sync.policies.token_issuers import is_web_address


def check_authority(environment: Environment, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the change of an authority changes besides; orders that failed are tried again at once.

    Errors: Invalid or Problems gateways.acme_*.
    """
    besides: dict[str, Any] = {}
    is_another = before["acme_directory"] != environment.acme_directory
    if is_another and before["has_agreed_to_acme_terms"] and before["acme_directory"]:
        # Whoever agreed has agreed to another one's terms.
        environment.has_agreed_to_acme_terms = besides["has_agreed_to_acme_terms"] = False
    errors: list[DomainError] = []
    if environment.acme_directory and not is_web_address(environment.acme_directory):
        hint = gettext("It begins with https://, such as https://acme-v02.api.letsencrypt.org/directory.")
        message = gettext("This is no address of an authority.")
        errors.append(Invalid("gateways.acme_directory", message, field="acme_directory", hint=hint))
    if environment.acme_directory and not environment.acme_contact:
        message = gettext("The authority wants an address to write to.")
        errors.append(Invalid("gateways.acme_contact", message, field="acme_contact"))
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    waiting = CertificateOrder.objects.filter(host__environment=environment, state=CertificateOrder.State.WAITING)
    waiting.update(due_at=timezone.now())
    return besides
