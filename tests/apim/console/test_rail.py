"""The rail is drawn once for all that it is made of: never one reader's for another."""

from __future__ import annotations

from django.urls import set_script_prefix
from django.utils import translation

from apim.console.rail import drawn_rail


def rail(place: str = "console:apis", *, is_for_admin: bool = False, waiting: int = 0, language: str = "en") -> str:
    with translation.override(language):
        return drawn_rail(place, is_for_admin=is_for_admin, approvals_waiting=waiting)


def test_each_place_role_number_and_language_has_its_own() -> None:
    for _ in range(2):  # the second time it is known
        assert 'href="/console/apis" aria-current="page"' in rail()
        assert 'href="/console/plans" aria-current="page"' in rail("console:plans")
        assert "aria-current" not in rail("")
        assert "/console/admin/users" not in rail()
        assert "/console/admin/users" in rail(is_for_admin=True)
        assert 'class="count"' not in rail()
        assert '<span class="count">3' in rail(waiting=3)
        assert '<span class="count">4' in rail(waiting=4)
        assert "承認" not in rail()
        assert "承認" in rail(language="ja")


def test_links_begin_with_the_prefix_of_the_installation() -> None:
    try:
        set_script_prefix("/apim/")
        assert 'href="/apim/console/apis"' in rail()
    finally:
        set_script_prefix("/")
    assert 'href="/console/apis"' in rail()
