"""The announcements app."""

from django.apps import AppConfig


class AnnouncementsConfig(AppConfig):
    """Registers apim.announcements."""

    name = "apim.announcements"
