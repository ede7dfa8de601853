"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
application = get_wsgi_application()

from apim.config.collecting import leave_out_what_is_loaded  # noqa: E402 - settings must be ready
from apim.config.pooling import share_connections  # noqa: E402
from apim.config.statement_limits import bound_statements  # noqa: E402

share_connections()
bound_statements()
leave_out_what_is_loaded()
