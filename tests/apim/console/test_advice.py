"""Gateway or mesh: the questions live in the URL, and the answer has reasons, a picture and a next step."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.advice import KEYS
from tests.conftest import LogIn

pytestmark = pytest.mark.django_db

PAGE = "/console/advice"


def answers(letters: str) -> dict[str, str]:
    return {key: "yes" if letter == "y" else "no" for key, letter in zip(KEYS, letters, strict=True)}


def test_nothing_is_judged_before_it_is_asked(log_in: LogIn, owner: User) -> None:
    shown = log_in(owner).get(PAGE).content.decode()
    assert shown.count('type="radio"') == 12
    assert "Next step" not in shown


@pytest.mark.parametrize(
    ("letters", "title", "proxies"),
    [("nnnnny", "A gateway", 0), ("yynynn", "A mesh", 4), ("yyyyny", "Both: a gateway at the edge", 4)],
    ids=["gateway", "mesh", "both"],
)
def test_the_answer_has_a_picture_of_itself(log_in: LogIn, owner: User, letters: str, title: str, proxies: int) -> None:
    shown = log_in(owner).get(PAGE, answers(letters)).content.decode()
    assert title in shown
    assert shown.count("proxy of the mesh") == proxies  # drawn for wide and for narrow screens
    assert ("Import an API" in shown) is (title != "A mesh")


def test_an_answer_that_is_missing_is_asked_for(log_in: LogIn, owner: User) -> None:
    answer = log_in(owner).get(PAGE, {"every_replica": "yes"})
    assert answer.status_code == 422
    assert answer.content.decode().count("Answer with yes or no.") >= 5
