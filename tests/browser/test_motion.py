"""Nothing moves for who asked for no motion (WCAG 2.3.3); the walks look for it on every page."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from tests.browser.desk import Desk
from tests.browser.walk import MOVING

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("environment")
def test_what_moves_stands_still_where_no_motion_is_asked_for(desk: Desk, owner: User) -> None:
    page = desk.page
    desk.client.force_login(owner)
    desk.open("/console/styleguide")  # which has all parts of the pages
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING), "it would be seen"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == []
