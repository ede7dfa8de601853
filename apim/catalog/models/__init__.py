"""APIs with their versions and revisions, and what people read and want to be told about them."""

from __future__ import annotations

from apim.catalog.models.apis import (
    API,
    NAME_RULE,
    VERSION_NAME_RULE,
    APIQuerySet,
    APIVersion,
    APIVersionQuerySet,
    Deployment,
    IssuerKeys,
    Revision,
    RevisionQuerySet,
)
from apim.catalog.models.guides import Guide, GuideQuerySet
from apim.catalog.models.interest import Follow, FollowQuerySet, MissedSearch, SearchText

__all__ = (
    "API",
    "NAME_RULE",
    "VERSION_NAME_RULE",
    "APIQuerySet",
    "APIVersion",
    "APIVersionQuerySet",
    "Deployment",
    "Follow",
    "FollowQuerySet",
    "Guide",
    "GuideQuerySet",
    "IssuerKeys",
    "MissedSearch",
    "Revision",
    "RevisionQuerySet",
    "SearchText",
)
