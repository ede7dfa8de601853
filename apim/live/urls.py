"""URLs of what keeps pages fresh."""

from __future__ import annotations

from django.urls import URLPattern, path

from apim.live.views import live

urlpatterns: list[URLPattern] = [path("live", live, name="live")]
