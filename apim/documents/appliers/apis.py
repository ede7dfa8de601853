"""API documents: the API itself, then its versions, then their states, since one may name another as successor."""

from __future__ import annotations

from apim.accounts.permissions import owns
from apim.audit.services import state_of
from apim.catalog.models import API
from apim.catalog.services import create_api, update_api
from apim.documents.appliers.guides import apply_guide
from apim.documents.appliers.lifecycles import apply_lifecycle
from apim.documents.appliers.teams import prepare_team
from apim.documents.appliers.versions import apply_version
from apim.documents.reading import Document
from apim.documents.session import Change, Session, Spot, changed_fields, pick, require

_FIELDS = {
    "team": "team",
    "displayName": "display_name",
    "description": "description",
    "visibility": "visibility",
    "keyHeader": "key_header",
    "tags": "tags",
    "category": "category",
}


def apply_api(document: Document, session: Session) -> Change:
    """Make the API and its versions what the document says; what it does not name stays."""
    api = API.objects.select_related("organization").filter(name=document.name).first()
    is_new = api is None
    fields: list[str] = []
    if api is None:
        api = _create(document, session)
    else:
        fields += _update(api, document, session)
    touched = [
        (spot, spec, *apply_version(api, spec, spot))
        for spot, spec in (
            (Spot(document, session, ("spec", "versions", str(index))), spec)
            for index, spec in enumerate(document.spec.get("versions", ()))
        )
    ]
    for spot, spec, version, version_fields in touched:
        states = apply_lifecycle(version, spec.get("lifecycle"), spot.below("lifecycle"))
        fields += [f"versions.{version.name}.{name}" for name in (*version_fields, *states)]
    for index, spec in enumerate(document.spec.get("guides", ())):
        if apply_guide(api, spec, Spot(document, session, ("spec", "guides", str(index)))):
            fields.append(f"guides.{spec['slug']}")
    if is_new:
        return Change("create", document.kind, document.name)
    return Change("update" if fields else "unchanged", document.kind, document.name, tuple(fields))


def _create(document: Document, session: Session) -> API:
    organization = session.owner(document)
    team = document.spec.get("team", "")
    require(allowed=owns(session.user, organization.pk, team), act=f"make APIs of {organization.name}")
    prepare_team(document, organization, session)
    return create_api(
        organization=organization,
        name=document.name,
        by=session.by,
        labels=document.labels,
        **pick(document.spec, _FIELDS),
    )


def _update(api: API, document: Document, session: Session) -> tuple[str, ...]:
    is_editable = API.objects.editable_by(session.user).filter(pk=api.pk).exists()
    require(allowed=is_editable, act=f"change the API {api.name}")
    named = document.spec.get("organization", api.organization.name)
    if named != api.organization.name:
        message = f"The API belongs to {api.organization.name}, and that cannot be changed."
        raise document.error(("spec", "organization"), "documents.other_organization", message)
    changes = pick(document.spec, _FIELDS)
    if document.labels:
        changes["labels"] = dict(document.labels)
    if "team" in changes:
        require(allowed=owns(session.user, api.organization_id, changes["team"]), act="hand the API to that team")
        prepare_team(document, api.organization, session)
    before = state_of(api)
    update_api(api=api, changes=changes, by=session.by)
    return changed_fields(before, state_of(api), _FIELDS | {"labels": "labels"})
