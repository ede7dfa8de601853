"""Guides: written, changed, taken away. They are for people; nothing is published to gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext, gettext_noop

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API, Guide
from apim.validation import require_clean, require_known

_CHANGEABLE = frozenset({"slug", "title", "position", "body", "is_published"})
_TAKEN = gettext_noop("The API has a guide at this address already.")


@transaction.atomic
def create_guide(
    *,
    api: API,
    slug: str,
    title: str,
    by: Actor,
    body: str = "",
    position: int | None = None,
    is_published: bool = False,
) -> Guide:
    """A new guide of the API, the last one when no position is given.

    Errors: catalog.name_taken, catalog.invalid_value.
    """
    if position is None:
        last = api.guides.aggregate(last=Max("position"))["last"]
        position = 0 if last is None else last + 1
    guide = Guide(api=api, slug=slug, title=title, body=body, position=position, is_published=is_published)
    require_clean(guide, prefix="catalog", taken_hint=gettext(_TAKEN))
    guide.save()
    record(by=by, action="guide.create", target=guide, after=state_of(guide), organization_id=api.organization_id)
    return guide


@transaction.atomic
def update_guide(*, guide: Guide, changes: Mapping[str, Any], by: Actor) -> Guide:
    """The guide with changes. Links to an old slug lead nowhere; the page says so before it is changed."""
    require_known(changes, _CHANGEABLE, prefix="catalog", noun=gettext("A guide"))
    guide.refresh_from_db(from_queryset=Guide.objects.select_for_update(of=("self",)).select_related("api"))
    before = state_of(guide)
    for name, value in changes.items():
        setattr(guide, name, value)
    if state_of(guide) == before:
        return guide
    require_clean(guide, prefix="catalog", taken_hint=gettext(_TAKEN))
    guide.save()
    organization_id = guide.api.organization_id
    after = state_of(guide)
    record(by=by, action="guide.update", target=guide, before=before, after=after, organization_id=organization_id)
    return guide


@transaction.atomic
def delete_guide(*, guide: Guide, by: Actor) -> None:
    """The guide is gone for good."""
    organization_id = guide.api.organization_id
    record(by=by, action="guide.delete", target=guide, before=state_of(guide), organization_id=organization_id)
    guide.delete()
