"""Settings of policies and of upstreams by the names that their forms have."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.text import Truncator
from django.utils.translation import gettext

from apim.listing import clauses, enumerated, labelled
from apim.ui.said import said
from gateway_sync.policies import DESCRIPTIONS as POLICIES
from gateway_sync.policies.applied import common_settings
from gateway_sync.upstreams import DESCRIPTIONS as GROUPS

_LONGEST = 80


def kind_title(kind: str) -> str:
    """A kind of policy or a group of an upstream's settings in words."""
    known = POLICIES.get(kind) or GROUPS.get(kind)
    return said(known.title) if known is not None else kind


def setting_name(kind: str, name: str) -> str:
    """A setting of the kind as its form calls it; one that is not known by its own name."""
    known = POLICIES.get(kind) or GROUPS.get(kind)
    settings = (*known.settings, *common_settings(known)) if known is not None else ()
    return next((said(each.label) for each in settings if each.name == name), name)


def named_settings(kind: str, settings: Mapping[str, object]) -> str:
    """`Limit: 5/s; Burst: 10; Shadow`: of what is on, the name says enough."""
    return clauses(
        setting_name(kind, name) if value is True else labelled(setting_name(kind, name), setting_words(value))
        for name, value in settings.items()
    )


def setting_words(value: object) -> str:
    """A value as its form shows it: lists with commas, yes and no; cut when it is long."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list | tuple):
        return enumerated(setting_words(each) for each in value)
    if isinstance(value, Mapping):
        return enumerated(labelled(name, setting_words(each)) for name, each in value.items())
    return Truncator(str(value)).chars(_LONGEST)
