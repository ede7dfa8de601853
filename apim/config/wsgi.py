"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
application = get_wsgi_application()

from apim.config.pooling import share_connections  # noqa: E402 - settings must be ready

share_connections()
