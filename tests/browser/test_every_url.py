"""Every page of the table of permissions, as somebody who may see it: axe, a heading, a way back, 320 px, no motion.

Each page is loaded once and looked at by all that axe knows at 400 % zoom in light colours; the first page of each part
of the product then on a screen in dark ones by what may differ there, in the long tier every page. All is asked inside
one transaction, so that the world of the permission tests is made once and leaves nothing.
"""

from __future__ import annotations

import pytest

from tests.browser.desk import Desk
from tests.browser.walk import Eye, pages
from tests.permissions.conftest import world as world  # noqa: PLC0414 - a fixture
from tests.permissions.world import World

FEWEST = 200  # pages: fewer, and the walk has lost its way


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["first of a part", "every"])
def test_every_page_is_accessible_in_both_schemes_and_reflows(world: World, desk: Desk, *, every: bool) -> None:
    eye, wrong, looked_at = Eye(desk.page), [], 0
    parts: set[str] = set()
    for role, path, rendered in pages(world, desk):
        desk.open(path, rendered)
        part = "/".join(path.split("/")[:4])  # "/console/admin/gateways"
        is_twice = every or part not in parts
        wrong += [f"{path} ({role}): {finding}" for finding in eye.findings(path, is_twice=is_twice)]
        parts.add(part)
        looked_at += 1
    assert not wrong, "\n".join(wrong)
    assert looked_at > FEWEST
