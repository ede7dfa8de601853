"""Writes of the look: tried as a draft first, then put live, or put aside.

Owns: what a look may say. Must not know: pages. Nothing of a draft is shown to anybody but admins.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.branding.brand import forget_brand
from apim.branding.models import Look, Picture
from apim.branding.pictures import Drawn
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.ui.colours import TEXT_RATIO, judge, normal_colour
from apim.validation import require_clean, require_known

MOST_LINKS: Final = 8
LONGEST_LABEL: Final = 40
_WORDS: Final = ("portal_name", "accent_light", "accent_dark", "links", "imprint_url", "terms_url", "privacy_url")
_BREAKS: Final = ("Zl", "Zp")  # of lines: heads of mails and titles are one
_COPIED: Final = (*_WORDS, "logo", "icon")
_THEMES: Final = {"accent_light": "light", "accent_dark": "dark"}
_is_web_address: Final = URLValidator(schemes=["http", "https"])


def draft() -> Look | None:
    """What is being tried, when something is."""
    return Look.objects.select_related("logo", "icon").filter(state=Look.DRAFT).first()


@transaction.atomic
def change_draft(*, changes: Mapping[str, Any], by: Actor) -> Look:
    """The draft with other words, colours and links; it begins as the live look.

    Errors: Problems of branding.accent_malformed, branding.accent_contrast (evidence: ratio, nearest),
    branding.name_malformed, branding.link_malformed, branding.too_many_links, branding.invalid_value.
    """
    require_known(changes, _WORDS, prefix="branding", noun="A look")
    changes = {name: value.strip() if isinstance(value, str) else value for name, value in changes.items()}
    for name in _THEMES.keys() & changes.keys():
        changes[name] = normal_colour(changes[name]) or changes[name]
    if faults := _faults(changes):
        raise faults[0] if len(faults) == 1 else Problems(tuple(faults))
    return _save_draft(changes, by)


@transaction.atomic
def set_picture(*, place: str, drawn: Drawn | None, by: Actor) -> Look:
    """The draft with another logo or icon, or with the built-in one. Shapes: place is `logo` or `icon`."""
    picture = None
    if drawn is not None:
        picture, _ = Picture.objects.get_or_create(
            digest=drawn.digest,
            defaults={
                "content": drawn.content,
                "media_type": drawn.media_type,
                "width": drawn.width,
                "height": drawn.height,
            },
        )
    return _save_draft({place: picture}, by)


@transaction.atomic
def put_live(*, by: Actor) -> Look:
    """The draft as the look of every page and mail from now on."""
    tried = _locked(Look.DRAFT)
    if tried is None:
        raise Conflict(
            "branding.no_draft", gettext("There is no draft to put live."), hint=gettext("Somebody did it before you.")
        )
    live = _locked(Look.LIVE)
    before = state_of(live) if live else None
    live = live or Look(state=Look.LIVE)
    for name in _COPIED:
        setattr(live, name, getattr(tried, name))
    live.save()
    tried.delete()
    _forget_unused()
    record(by=by, action="branding.put_live", target=live, before=before, after=state_of(live))
    transaction.on_commit(forget_brand)
    return live


@transaction.atomic
def drop_draft(*, by: Actor) -> None:
    """Put the draft aside; the live look stays."""
    tried = _locked(Look.DRAFT)
    if tried is not None:
        record(by=by, action="branding.drop_draft", target=tried, before=state_of(tried))
        tried.delete()
        _forget_unused()


@transaction.atomic
def back_to_built_in(*, by: Actor) -> None:
    """The look that the product has by itself, everywhere; name, colours, pictures and links are forgotten."""
    live = _locked(Look.LIVE)
    if live is not None:
        record(by=by, action="branding.back_to_built_in", target=live, before=state_of(live))
        live.delete()
    Look.objects.filter(state=Look.DRAFT).delete()
    _forget_unused()
    transaction.on_commit(forget_brand)


def _save_draft(changes: Mapping[str, Any], by: Actor) -> Look:
    tried = _locked(Look.DRAFT)
    before = state_of(tried) if tried else None
    if tried is None:
        live = _locked(Look.LIVE)
        tried = Look(state=Look.DRAFT, **({name: getattr(live, name) for name in _COPIED} if live else {}))
    for name, value in changes.items():
        setattr(tried, name, value)
    require_clean(tried, prefix="branding")
    tried.save()
    _forget_unused()
    record(by=by, action="branding.try", target=tried, before=before, after=state_of(tried))
    return tried


def _locked(state: str) -> Look | None:
    return Look.objects.select_for_update(of=("self",)).select_related("logo", "icon").filter(state=state).first()


def _forget_unused() -> None:
    """Drop pictures that no look shows. One that a mail of before shows is gone there too."""
    used = {pk for pair in Look.objects.values_list("logo", "icon") for pk in pair if pk}
    Picture.objects.exclude(pk__in=used).delete()


def _faults(changes: Mapping[str, Any]) -> list[DomainError]:
    faults = [*_name_faults(changes.get("portal_name", ""))]
    for field, theme in _THEMES.items():
        faults += _accent_faults(changes.get(field, ""), field, theme)
    return faults + _link_faults(changes.get("links", []))


def _name_faults(name: str) -> list[DomainError]:
    kinds = {unicodedata.category(character) for character in name}
    if not any(kind.startswith("C") or kind in _BREAKS for kind in kinds):
        return []
    text = gettext("The name holds characters that are not shown.")
    return [Invalid("branding.name_malformed", text, hint=gettext("Type it anew."), field="portal_name")]


def _accent_faults(accent: str, field: str, theme: str) -> list[DomainError]:
    if not accent:
        return []
    if not normal_colour(accent):
        text = gettext("%(accent)s is no colour.") % {"accent": accent}
        hint = gettext("Write it as six hexadecimal digits, such as #2b4fd8.")
        return [Invalid("branding.accent_malformed", text, hint=hint, field=field)]
    verdict = judge(accent, theme)
    if verdict.passes:
        return []
    least = math.floor(verdict.least * 100) / 100  # what misses 4.5 by a hair is not told to have 4.50
    names = {"accent": accent, "ratio": f"{least:.2f}", "wanted": TEXT_RATIO, "nearest": verdict.nearest}
    text = (
        gettext("%(accent)s has a contrast of %(ratio)s on light pages; words need %(wanted)s.") % names
        if theme == "light"
        else gettext("%(accent)s has a contrast of %(ratio)s on dark pages; words need %(wanted)s.") % names
    )
    hint = gettext("The nearest colour that has it is %(nearest)s.") % names
    evidence = {"ratio": least, "nearest": verdict.nearest}
    return [Invalid("branding.accent_contrast", text, hint=hint, field=field, evidence=evidence)]


def _link_faults(links: list[dict[str, str]]) -> list[DomainError]:
    if len(links) > MOST_LINKS:
        text = gettext("%(count)d links are too many for a footer; %(most)d is the most.")
        names = {"count": len(links), "most": MOST_LINKS}
        return [Invalid("branding.too_many_links", text % names, field="links")]
    return [fault for link in links if (fault := _link_fault(link["label"], link["url"])) is not None]


def _link_fault(label: str, url: str) -> DomainError | None:
    hint = gettext("Write each line as: Label | https://example.com/page")
    if not 0 < len(label) <= LONGEST_LABEL:
        text = gettext("The link to %(url)s needs a label of %(most)d characters or fewer.")
        return Invalid("branding.link_malformed", text % {"url": url, "most": LONGEST_LABEL}, hint=hint, field="links")
    if not is_link(url):
        text = gettext("%(url)s is neither a web address nor a path of this portal.") % {"url": url}
        return Invalid("branding.link_malformed", text, hint=hint, field="links")
    return None


def is_link(url: str) -> bool:
    """True for a web address, and for a path of this portal such as /guides."""
    if url.startswith("/"):
        return not url.startswith(("//", "/\\")) and not urlsplit(url).netloc and url.isprintable()
    try:
        _is_web_address(url)
    except ValidationError:
        return False
    return True
