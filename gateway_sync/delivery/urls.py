"""URLs of gateway_sync.delivery."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from gateway_sync.delivery import views

app_name = "delivery"
urlpatterns: list[URLPattern | URLResolver] = [
    path("join", views.join, name="join"),
    path("sync", views.sync, name="sync"),
    path("report", views.report, name="report"),
    path("credential", views.credential, name="credential"),
    path("limits", views.limits, name="limits"),
    path("usage", views.usage, name="usage"),
    path("traces", views.traces, name="traces"),
]
