"""URLs of apim.branding: for everyone."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apim.branding import views

app_name = "branding"
urlpatterns: list[URLPattern | URLResolver] = [
    path("brand/<slug:digest>.css", views.stylesheet, name="stylesheet"),
    path("brand/<slug:digest>.<slug:ending>", views.picture, name="picture"),
]
