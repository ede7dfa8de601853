"""The jobs app."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    """Registers apim.jobs, and the kinds of job that each app declares in its `job_kinds`."""

    name = "apim.jobs"

    def ready(self) -> None:
        """Find the declarations."""
        autodiscover_modules("job_kinds")
