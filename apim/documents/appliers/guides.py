"""The guides of an API document. Those it does not name stay."""

from __future__ import annotations

from typing import Any

from apim.audit.services import state_of
from apim.catalog.models import API
from apim.catalog.services.guides import create_guide, update_guide
from apim.documents.reading import contract_of
from apim.documents.session import Spot

_FIELDS = {"title": "title", "body": "body", "published": "is_published"}


def apply_guide(api: API, spec: dict[str, Any], spot: Spot) -> bool:
    """True when the guide was made or changed."""
    changes = {attribute: spec[name] for name, attribute in _FIELDS.items() if name in spec}
    if isinstance(changes.get("body"), dict):
        changes["body"] = contract_of(changes["body"], spot.session.files, spot.document, (*spot.at, "body")).text
    changes["position"] = spec.get("position", int(spot.at[-1]))
    guide = api.guides.filter(slug=spec["slug"]).first()
    if guide is None:
        create_guide(api=api, slug=spec["slug"], by=spot.session.by, **changes)
        return True
    before = state_of(guide)
    return state_of(update_guide(guide=guide, changes=changes, by=spot.session.by)) != before
