"""Stored mails do not let those in who read them over somebody's shoulder."""

from __future__ import annotations

import pytest

from apim.notifications.secrets import without_secrets


@pytest.mark.parametrize(
    "link",
    [
        "/join/eyJ1c2VyIjoi.x:1v-Y",
        "/invite/Zk3_x-9",
        "/console/decide/WyJzdWIi:1vX:abc_-d",
        "/setup/aB-3",
        "/x?token=s3-cr",
    ],
)
def test_the_secret_part_of_a_link_is_gone(link: str) -> None:
    shown = without_secrets(f"Follow https://apis.example.com{link} within 3 days.\n")
    secret = link.rpartition("=" if "=" in link else "/")[2]
    assert secret not in shown
    assert shown.endswith("… within 3 days.\n")


@pytest.mark.parametrize("code", ["KX7-P9M", "482913", "ABCDEF"])
def test_a_code_on_a_line_of_its_own_is_gone(code: str) -> None:
    assert without_secrets(f"Your code is\n\n    {code}\n\nEnter it.") == "Your code is\n\n    …\n\nEnter it."


@pytest.mark.parametrize("text", ["{} is your code", "Your code: {}.", "コードは{}です"])
def test_a_code_within_a_line_is_gone(text: str) -> None:
    assert without_secrets(text.format("MSLL-QNBH")) == text.format("…")


def test_all_else_stays() -> None:
    text = (
        "Hello Ana,\n\nUS\n\nthe API Bank v2 ends.\nhttps://apis.example.com/my/apps/app_1\n\n- ABC stays in a line\n"
    )
    assert without_secrets(text) == text
