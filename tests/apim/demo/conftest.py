"""The bank example as script/up loads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apim.accounts.models import User
from apim.accounts.services import actor_of, default_organization
from apim.documents.services import apply_documents
from apim.gateways.models import Environment

_BANK = Path(__file__).parents[3] / "examples" / "bank"


@pytest.fixture
def bank(environment: Environment, admin: User) -> None:
    default_organization()
    apply_documents(
        text=(_BANK / "apim.yaml").read_text(),
        files={f"./openapi/{file.name}": file.read_text() for file in sorted((_BANK / "openapi").glob("*"))},
        user=admin,
        by=actor_of(admin),
    )
