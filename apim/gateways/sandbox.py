"""The sandbox of an environment: its second face, where gateways answer from documents instead of asking services.

Owns: what its parts are called. An API `bank` answers as `/sandbox.bank/...`: names of APIs have no dot, so no API can
take that place. Must not know: who gets a key, what is answered.
"""

from __future__ import annotations

from typing import Final

PATH_PREFIX: Final = "sandbox."
PRODUCT_ID: Final = "sandbox"
PLAN_ID: Final = "sandbox"
ORGANIZATION_ID: Final = "sandbox"
_TWIN: Final = "~sbx"  # fits the 32 characters of ids

TWIN_PATTERN: Final = f"%{_TWIN}"  # of LIKE

CALLS_A_SECOND: Final = 5
BURST: Final = 20
CALLS_A_DAY: Final = 1_000


def twin_id(row_id: str) -> str:
    """The id of the sandbox's form of an API or version."""
    return row_id + _TWIN


def is_twin(row_id: str) -> bool:
    """True for the id of something in the sandbox."""
    return row_id.endswith(_TWIN)


def original_id(row_id: str) -> str:
    """The id of what this is the sandbox's form of."""
    return row_id.removesuffix(_TWIN)


def path_name(api_name: str) -> str:
    """What stands for the API in paths of the sandbox."""
    return PATH_PREFIX + api_name
