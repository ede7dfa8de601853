"""URLs of the finder."""

from __future__ import annotations

from django.urls import URLPattern, path

from apim.finder import views

urlpatterns: list[URLPattern] = [
    path("search", views.search, name="search"),
    path("search/options", views.options, name="search-options"),
    path("keys", views.keys, name="keys"),
    path("go/<str:letter>", views.go, name="go"),
]
