"""Storage: what each family of rows takes, how long it is kept, and what goes when its time is over."""

from apim.platform.storage.families import FAMILIES, Family
from apim.platform.storage.services import days_kept, preview, purge_expired, set_retention
from apim.platform.storage.sizes import Size, of_record_files, sizes

__all__ = [
    "FAMILIES",
    "Family",
    "Size",
    "days_kept",
    "of_record_files",
    "preview",
    "purge_expired",
    "set_retention",
    "sizes",
]
