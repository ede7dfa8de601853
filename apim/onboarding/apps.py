"""The onboarding app."""

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    """Registers apim.onboarding."""

    name = "apim.onboarding"
