"""Every URL of the control plane."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from apim.api.views.stripe_events import receive
from apim.config import health, metrics
from apim.console.views.setup import setup

handler400 = "apim.config.failures.bad_request"
handler500 = "apim.config.failures.failed"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz/live", health.live),
    path("healthz/ready", health.ready),
    path("metrics", metrics.metrics),
    path("account/", include("allauth.account.urls")),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("api/v1/", include("apim.api.urls")),
    path("gateway/v1/", include("gateway_sync.delivery.urls")),
    path("webhooks/stripe", receive, name="stripe-events"),
    path("setup", setup, name="setup"),
    path("console/", include("apim.console.urls")),
    path("", include("apim.branding.urls")),
    path("", include("apim.ui.urls")),
    path("", include("apim.finder.urls")),
    path("", include("apim.live.urls")),
    path("", include("portal.urls")),
]
