"""API keys: their form, and the tag that tells the environment a key is for."""

from __future__ import annotations

import re

from apim.secret_text import is_well_formed, new_secret, prefix_of

__all__ = ["is_well_formed", "new_key", "prefix_of"]

_LIVE_ENVIRONMENT = "default"
_LONGEST_TAG = 8  # so that a prefix fits its column


def new_key(environment_name: str) -> str:
    """A fresh key: `apim_live_...` for the default environment, else with the environment's name in it."""
    tag = re.sub(r"[^a-z0-9]", "", environment_name.lower())[:_LONGEST_TAG] or "env"
    return new_secret(f"apim_{'live' if environment_name == _LIVE_ENVIRONMENT else tag}")
