"""The composition root: settings, URLs, and the Celery application, which is loaded with the settings."""

from __future__ import annotations

from apim.config.celery import app as celery_app

__all__ = ("celery_app",)
