"""Where a refused call is mended: the page that an explanation means, as a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext

if TYPE_CHECKING:
    from apim.catalog.models import APIVersion
    from portal.explanations import Explanation


class Mend(NamedTuple):
    """A link."""

    label: str
    url: str


def mend_of(explanation: Explanation, version: APIVersion) -> Mend | None:
    """The page where the remedy is; None when it is not on a page of ours."""
    api = version.api.name
    if explanation.place == "key":
        return Mend(gettext("Look at your keys"), reverse("portal:applications"))
    if explanation.place == "app":
        return Mend(gettext("Open your applications"), reverse("portal:applications"))
    if explanation.place == "access":
        return Mend(gettext("See the plans"), f"{reverse('portal:api', args=[api])}#access")
    if explanation.place == "billing":
        return Mend(gettext("Open billing"), reverse("portal:billing"))
    if explanation.place == "docs":
        return Mend(gettext("Open the reference"), reverse("portal:reference", args=[api, version.name]))
    return None
