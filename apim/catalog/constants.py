"""Names that services and tasks of this app share."""

from __future__ import annotations

from typing import Final

REFRESH_KEYS_TASK: Final = "apim.catalog.tasks.refresh_issuer_keys"
