"""The style guide: what it makes up to show a look is said to be made up."""

from __future__ import annotations

import re

from apim.accounts.models import User
from tests.conftest import LogIn


def test_figures_that_nothing_counted_are_marked_as_specimens(log_in: LogIn, owner: User) -> None:
    page = log_in(owner).get("/console/styleguide").content.decode()
    assert "are made up to show a look" in page
    marked = re.findall(r'<h2 class="cluster">([^<]+)<span class="tag">Specimen</span>', page)
    assert marked == ["Table", "Figures", "Code and secrets"]
