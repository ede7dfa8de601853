"""The look that is live, the one that is being tried, and the pictures that both point at."""

from __future__ import annotations

from django.db import models


class Picture(models.Model):
    """A picture of ours to show, already checked and bare of all that is no picture.

    Shapes: digest = the first 32 hexadecimal digits of its SHA-256, so its address never shows anything else.
    """

    digest = models.CharField(max_length=32, primary_key=True)
    content = models.BinaryField()
    media_type = models.CharField(max_length=20)  # image/png or image/webp
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.width} x {self.height}, {self.media_type}"


class Look(models.Model):
    """What differs from the built-in look; an empty field is the built-in one.

    Shapes: accents are `#rrggbb`, one for light pages and one for dark; links = [{"label", "url"}].
    """

    LIVE, DRAFT = "live", "draft"

    state = models.CharField(max_length=8, primary_key=True)  # LIVE or DRAFT: there is at most one of each
    portal_name = models.CharField(max_length=40, blank=True)
    accent_light = models.CharField(max_length=7, blank=True)
    accent_dark = models.CharField(max_length=7, blank=True)
    logo = models.ForeignKey(Picture, models.PROTECT, null=True, blank=True, related_name="+")
    icon = models.ForeignKey(Picture, models.PROTECT, null=True, blank=True, related_name="+")
    links = models.JSONField(default=list, blank=True)
    imprint_url = models.URLField(blank=True)
    terms_url = models.URLField(blank=True)
    privacy_url = models.URLField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.portal_name or f"{self.state} look"
