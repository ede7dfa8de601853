"""Issuers of tokens as rows: those that admins registered, and the keys that were fetched."""

from __future__ import annotations

from apim.catalog.models import IssuerKeys
from apim.gateways.models import Issuer
from gateway_sync import rows
from gateway_sync.policies.token_issuers import source_of


def issuer_rows(environment_id: str, database: str) -> tuple[rows.IssuerRow, ...]:
    """The issuers that are registered in an environment."""
    found = Issuer.objects.using(database).filter(environment_id=environment_id).order_by("id")
    return tuple(
        rows.IssuerRow(
            id=one.id,
            name=one.name,
            issuer=one.issuer,
            jwks=one.jwks,
            jwks_url=one.jwks_url,
            source=source_of(one.issuer, one.jwks, one.jwks_url),
            client_claim=one.client_claim,
            is_for_all=one.is_for_all,
            organizations=tuple(sorted(organization.id for organization in one.organizations.all())),
        )
        for one in found.prefetch_related("organizations")
    )


def issuer_keys_rows(database: str) -> tuple[rows.IssuerKeysRow, ...]:
    """All keys that were fetched, whichever environment asked for them."""
    found = IssuerKeys.objects.using(database).order_by("source").values_list("source", "keys", "fault")
    return tuple(rows.IssuerKeysRow(*one) for one in found)
