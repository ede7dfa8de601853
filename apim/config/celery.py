"""The Celery application, which `celery -A apim.config.celery` starts."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
app = Celery("apim")
app.set_default()  # every thread's current_app, so that services send tasks without importing this package
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add("gateway_sync.delivery.steps:PublishPending")  # by name: settings are not ready here
