"""Pages in Japanese, Korean and Chinese: in their language, by axe, and within a narrow page as the English ones are.

A few in each run, in the long tier every page that is translated.
"""

from __future__ import annotations

import pytest

from tests.browser.desk import Desk
from tests.browser.walk import Eye, pages
from tests.permissions.conftest import world as world  # noqa: PLC0414 - a fixture
from tests.permissions.table import TABLE
from tests.permissions.world import World

PORTAL = tuple(route for route in TABLE if not route.startswith("console"))
SAMPLES = {
    "ja": ("", "console/", "console/apis/<slug:api>/versions/<str:version>"),
    "ko": ("", "my/apps/<str:application_id>"),
    "zh-hans": ("", "apis/<str:api_name>"),
}
EVERY = {"ja": tuple(TABLE), "ko": PORTAL, "zh-hans": PORTAL}
FEWEST = {"ja": 200, "ko": 60, "zh-hans": 60}


def findings(world: World, desk: Desk, language: str, routes: tuple[str, ...]) -> tuple[list[str], int]:
    """What is wrong with the pages, and how many were looked at."""
    eye, wrong, looked_at = Eye(desk.page, language), [], 0
    for role, path, rendered in pages(world, desk, language=language, routes=routes):
        desk.open(path, rendered)
        wrong += [f"{language} {path} ({role}): {each}" for each in eye.findings(path, is_twice=False)]
        looked_at += 1
    return wrong, looked_at


def test_a_few_pages_of_each_language_are_accessible_and_reflow(world: World, desk: Desk) -> None:
    for language, routes in SAMPLES.items():
        wrong, looked_at = findings(world, desk, language, routes)
        assert not wrong, "\n".join(wrong)
        assert looked_at == len(routes)


@pytest.mark.slow
@pytest.mark.parametrize("language", EVERY)
def test_every_translated_page_is_accessible_and_reflows(world: World, desk: Desk, language: str) -> None:
    wrong, looked_at = findings(world, desk, language, EVERY[language])
    assert not wrong, "\n".join(wrong)
    assert looked_at >= FEWEST[language]
