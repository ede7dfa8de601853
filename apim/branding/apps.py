"""The branding app."""

from django.apps import AppConfig


class BrandingConfig(AppConfig):
    """Registers apim.branding."""

    name = "apim.branding"
