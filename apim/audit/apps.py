"""The audit app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registers apim.audit."""

    name = "apim.audit"
