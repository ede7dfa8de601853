"""URLs of apim.ui."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apim.ui.theme import switch_theme

app_name = "ui"
urlpatterns: list[URLPattern | URLResolver] = [path("theme", switch_theme, name="theme")]
