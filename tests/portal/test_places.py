"""Where pages of the portal lie: breadcrumbs of pages that have none of their own, and the places themselves."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from portal.templatetags.places import trail_to
from tests.conftest import LogIn


@pytest.mark.parametrize(
    ("back", "wanted"),
    [
        ("/my/apps/app_1", [("My apps", "/my/apps"), ("Here", "")]),
        ("/my/settings/security", [("Sessions, log-ins, second factor", "/my/settings/security"), ("Here", "")]),
        ("/my/settings", [("Settings", "/my/settings"), ("Here", "")]),
        ("/my/apps-of-others", [("My home", "/my"), ("Here", "")]),
        ("/products/bank", []),
    ],
    ids=["application", "security", "settings", "no-prefix-of-a-word", "elsewhere"],
)
def test_a_page_lies_in_the_place_it_leads_back_to(back: str, wanted: list[tuple[str, str]]) -> None:
    assert trail_to(back, "Here") == wanted


def test_pages_that_ask_say_where_they_lie(log_in: LogIn, developer: User, owner: User) -> None:
    body = log_in(developer).get("/my/settings/tokens/new").content.decode()
    trail = body.split('<nav class="breadcrumbs"')[1].split("</nav>")[0]
    assert 'href="/my/settings"' in trail
    assert "aria-current" in trail
    assert 'class="breadcrumbs"' not in log_in(owner).get("/my").content.decode()
