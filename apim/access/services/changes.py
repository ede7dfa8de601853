"""Changing a credential that lives: its label, and where it may be used from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apim.access.models import Credential
from apim.access.networks import checked_networks
from apim.access.services.credentials import emit
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict
from apim.validation import require_clean, require_known

_CHANGEABLE = {"label", "allowed_networks"}


@transaction.atomic
def update_credential(*, credential: Credential, changes: Mapping[str, Any], by: Actor) -> Credential:
    """The credential under another label, or used from other networks, in force within a second.

    Errors: Invalid access.networks; Conflict access.key_not_live.
    """
    require_known(changes, _CHANGEABLE, prefix="access", noun="A credential")
    rows = Credential.objects.select_for_update(of=("self",)).select_related("application", "environment")
    credential = rows.get(pk=credential.pk)
    if not credential.is_live:
        raise Conflict(
            "access.key_not_live",
            _("The %(noun)s %(shown)s is %(state)s for good.")
            % {"noun": credential.noun, "shown": credential.shown, "state": credential.state},
        )
    before = state_of(credential)
    credential.label = str(changes.get("label", credential.label)).strip()
    if "allowed_networks" in changes:
        credential.allowed_networks = checked_networks(changes["allowed_networks"])
    require_clean(credential, prefix="access")
    after = state_of(credential)
    if after == before:
        return credential
    credential.save(update_fields=list(_CHANGEABLE))
    organization_id = credential.application.organization_id
    record(
        by=by,
        action="credential.update",
        target=credential,
        before=before,
        after=after,
        organization_id=organization_id,
    )
    emit(credential)
    return credential
