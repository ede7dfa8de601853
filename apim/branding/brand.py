"""What pages and mails are given to look like: the live look, or what the product looks like by itself.

Owns: reading it, once in a while for each process, and the stylesheet it makes. Must not know: how it is changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.core.cache import caches
from django.db import DatabaseError
from django.urls import reverse

from apim.branding.models import Look, Picture
from apim.ui.colours import DEFAULT_ACCENTS, readable_on_dark, soft_of

BUILT_IN_NAME: Final = "apim"
KEY: Final = "branding.live"
_LAST_KEY: Final = "branding.last"
_CACHE: Final = "process"
_READ_EVERY_S: Final = 5  # another process shows a new look this much later
_ENDINGS: Final = {"image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as pages name it. Units: pixels."""

    path: str
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the footer."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Brand:
    """A look with everything in its place. Shapes: stylesheet is its path, empty when the built-in colours hold."""

    name: str = BUILT_IN_NAME
    accent_light: str = DEFAULT_ACCENTS["light"]
    accent_dark: str = DEFAULT_ACCENTS["dark"]
    logo: Shown | None = None
    icon: Shown | None = None
    links: Sequence[Link] = field(default=())
    imprint_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""
    stylesheet: str = ""


def live_brand() -> Brand:
    """The look of every page, read anew every few seconds; the built-in one while there is no database."""
    found = caches[_CACHE].get(KEY)
    if isinstance(found, Brand):
        return found
    try:
        look = Look.objects.select_related("logo", "icon").defer("logo__content", "icon__content")
        brand = brand_of(look.filter(state=Look.LIVE).first())
    except DatabaseError:
        return Brand()
    caches[_CACHE].set(KEY, brand, _READ_EVERY_S)
    caches[_CACHE].set(_LAST_KEY, brand, None)
    return brand


def last_brand() -> Brand:
    """The look that this process showed last, without asking the database for it."""
    found = caches[_CACHE].get(_LAST_KEY)
    return found if isinstance(found, Brand) else Brand()


def forget_brand() -> None:
    """Have the next page read the live look anew."""
    caches[_CACHE].delete(KEY)


def brand_of(look: Look | None) -> Brand:
    """The look, with the built-in one where it says nothing."""
    if look is None:
        return Brand()
    light = look.accent_light or DEFAULT_ACCENTS["light"]
    dark = look.accent_dark or (readable_on_dark(light) if look.accent_light else DEFAULT_ACCENTS["dark"])
    is_coloured = bool(look.accent_light or look.accent_dark)
    return Brand(
        name=look.portal_name or BUILT_IN_NAME,
        accent_light=light,
        accent_dark=dark,
        logo=_shown(look.logo),
        icon=_shown(look.icon),
        links=tuple(Link(link["label"], link["url"]) for link in look.links),
        imprint_url=look.imprint_url,
        terms_url=look.terms_url,
        privacy_url=look.privacy_url,
        stylesheet=reverse("branding:stylesheet", args=[_digest(light, dark)]) if is_coloured else "",
    )


def stylesheet_of(brand: Brand, *, selector: str = ":root") -> str:
    """The colours as custom properties; the selector may also be that of a sample."""
    pairs = {
        "--accent": (brand.accent_light, brand.accent_dark),
        "--accent-soft": (soft_of(brand.accent_light, "light"), soft_of(brand.accent_dark, "dark")),
    }
    lines = "\n".join(f"  {name}: light-dark({light}, {dark});" for name, (light, dark) in pairs.items())
    return f"{selector} {{\n{lines}\n}}\n"


def _digest(light: str, dark: str) -> str:
    sheet = stylesheet_of(Brand(accent_light=light, accent_dark=dark))
    return hashlib.sha256(sheet.encode()).hexdigest()[:16]


def _shown(picture: Picture | None) -> Shown | None:
    if picture is None:
        return None
    path = reverse("branding:picture", args=[picture.digest, _ENDINGS[picture.media_type]])
    return Shown(path, picture.media_type, picture.width, picture.height)
