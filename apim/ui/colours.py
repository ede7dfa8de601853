"""Contrast as WCAG 2.2 computes it, and the nearest colour that has enough of it.

Owns: the arithmetic and the grounds that pages have. Must not know: who chose a colour, and where it is kept.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

TEXT_RATIO: Final = 4.5  # WCAG 2.2, 1.4.3
DEFAULT_ACCENTS: Final = {"light": "#2b4fd8", "dark": "#8fa8ff"}  # as in apim.css
GROUNDS: Final = {"light": ("#ffffff", "#f6f7f9"), "dark": ("#101318", "#171b22")}  # --bg and --surface of apim.css
_SOFT_SHARE: Final = {"light": 0.08, "dark": 0.10}  # of the accent in the ground that accented words stand on
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_STEPS: Final = 24  # halvings of a range of lightness or chroma: finer than a byte

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an accent does on the pages of one theme.

    Shapes: page, surface and soft are contrasts of words in the accent on these grounds; that on the page is also the
    one of a filled button's word, which has the page's colour. nearest is the accent itself when it passes.
    """

    accent: str
    page: float
    surface: float
    soft: float
    nearest: str

    @property
    def least(self) -> float:
        """The smallest contrast."""
        return min(self.page, self.surface, self.soft)

    @property
    def passes(self) -> bool:
        """True when words in the accent can be read everywhere; edges ask for less."""
        return self.least >= TEXT_RATIO


def normal_colour(text: str) -> str:
    """`#rrggbb` in lower case for `#RGB`, `RRGGBB` and the like; empty when it is no colour."""
    digits = text.strip().lower().removeprefix("#")
    if len(digits) == 3:  # noqa: PLR2004 - the short form
        digits = "".join(2 * digit for digit in digits)
    return f"#{digits}" if _COLOUR.fullmatch(f"#{digits}") else ""


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def soft_of(accent: str, theme: str) -> str:
    """The faint ground that belongs to an accent."""
    share, ground = _SOFT_SHARE[theme], _channels(GROUNDS[theme][0])
    mixed = (round(part * share + base * (1 - share)) for part, base in zip(_channels(accent), ground, strict=True))
    return _hexadecimal(mixed)


def judge(accent: str, theme: str) -> Verdict:
    """The contrasts of an accent on the grounds of a theme, and the nearest accent that can be read on all of them."""
    page, surface, soft = _contrasts(accent, theme)
    nearest = accent if min(page, surface, soft) >= TEXT_RATIO else _nearest(accent, theme)
    return Verdict(accent, page, surface, soft, nearest)


def readable_on_dark(accent_light: str) -> str:
    """The accent for dark pages that goes with one for light pages."""
    return judge(accent_light, "dark").nearest


def _contrasts(accent: str, theme: str) -> Triple:
    page, surface = GROUNDS[theme]
    return contrast(accent, page), contrast(accent, surface), contrast(accent, soft_of(accent, theme))


def _nearest(accent: str, theme: str) -> str:
    """The accent made darker, or lighter on dark pages, by no more than it takes; its hue stays."""
    lightness, chroma, hue = _to_oklch(accent)
    good, bad = (0.0, lightness) if theme == "light" else (1.0, lightness)
    for _ in range(_STEPS):
        middle = (good + bad) / 2
        if min(_contrasts(_from_oklch(middle, chroma, hue), theme)) >= TEXT_RATIO:
            good = middle
        else:
            bad = middle
    return _from_oklch(good, chroma, hue)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hexadecimal(channels: object) -> str:
    return "#" + "".join(f"{min(max(int(part), 0), 255):02x}" for part in channels)  # type: ignore[attr-defined]


def _luminance(colour: str) -> float:
    red, green, blue = map(_linear, _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    part = channel / 255
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - of sRGB


def _gamma(part: float) -> float:
    return 255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - of sRGB


def _to_oklch(colour: str) -> Triple:
    """Lightness, chroma and hue in the perceptual space OKLCH (https://bottosson.github.io/posts/oklab/)."""
    red, green, blue = map(_linear, _channels(colour))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    first = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    second = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, math.hypot(first, second), math.atan2(second, first)


def _from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """The colour; as colourful as a screen can show it at this lightness."""
    low, high = 0.0, chroma
    if _is_shown(_to_linear(lightness, chroma, hue)):
        low = chroma
    else:
        for _ in range(_STEPS):
            half = (low + high) / 2
            low, high = (half, high) if _is_shown(_to_linear(lightness, half, hue)) else (low, half)
    return _hexadecimal(round(_gamma(min(max(part, 0.0), 1.0))) for part in _to_linear(lightness, low, hue))


def _is_shown(channels: Triple) -> bool:
    return all(-0.0001 <= part <= 1.0001 for part in channels)  # noqa: PLR2004 - rounding of the matrices


def _to_linear(lightness: float, chroma: float, hue: float) -> Triple:
    first, second = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * first + 0.2158037573 * second) ** 3
    middle = (lightness - 0.1055613458 * first - 0.0638541728 * second) ** 3
    short = (lightness - 0.0894841775 * first - 1.2914855480 * second) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
