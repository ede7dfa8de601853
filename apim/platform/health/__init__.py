"""Whether the installation is well: the checks behind `apim doctor` and the console's page of health."""

from apim.platform.health.examining import CHECKS, Finding, examine, worst

__all__ = ["CHECKS", "Finding", "examine", "worst"]
