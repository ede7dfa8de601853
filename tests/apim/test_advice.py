"""Gateway or mesh: all 64 answers have one verdict, with reasons that argue for it and for nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from apim.advice import KEYS, QUESTIONS, Advice, Verdict, advise

EVERY = [dict(zip(KEYS, answers, strict=True)) for answers in product((False, True), repeat=6)]
NAMES = ["".join("y" if answer else "n" for answer in answers.values()) for answers in EVERY]

# every replica, one authority, outside developers, one product, other than HTTP, offered -> verdict
GOLDEN = {
    "two products of one bank in two data centres, and its mobile team": ("nnnnny", Verdict.GATEWAY),
    "the same, run by one team with one authority": ("yynnny", Verdict.GATEWAY),
    "services of one product, run by one team": ("yynynn", Verdict.MESH),
    "a public API before such services": ("yyyyny", Verdict.BOTH),
    "one product that also talks to its brokers, used by a second product": ("yynnyn", Verdict.BOTH),
    "one team, half of it in a partner's data centre": ("nnnynn", Verdict.GATEWAY),
}


def answered(letters: str) -> Advice:
    return advise({key: letter == "y" for key, letter in zip(KEYS, letters, strict=True)})


@pytest.mark.parametrize(("letters", "verdict"), GOLDEN.values(), ids=GOLDEN.keys())
def test_known_cases(letters: str, verdict: Verdict) -> None:
    assert answered(letters).verdict is verdict


def test_the_bank_is_told_that_products_have_a_contract_and_may_each_run_a_mesh() -> None:
    advice = answered("nnnnny")
    assert [reason.key for reason in advice.reasons] == [
        "offered_as_product",
        "one_product",
        "every_replica",
        "one_authority",
    ]
    assert "Each product may run a mesh of its own inside; its neighbours need not know." in advice.notes


@pytest.mark.parametrize("answers", EVERY, ids=NAMES)
def test_every_answer_has_a_verdict_whose_reasons_agree(answers: dict[str, bool]) -> None:
    advice = advise(answers)
    spoken_for = {reason.speaks_for for reason in advice.reasons}
    wanted = {Verdict.GATEWAY, Verdict.MESH} if advice.verdict is Verdict.BOTH else {advice.verdict}
    assert spoken_for == wanted
    assert advice.title
    assert advice.step
    assert len({reason.text for reason in advice.reasons}) == len(advice.reasons)


@pytest.mark.parametrize("answers", EVERY, ids=NAMES)
def test_a_mesh_is_never_advised_where_it_cannot_be(answers: dict[str, bool]) -> None:
    if not (answers["every_replica"] and answers["one_authority"]):
        assert advise(answers).verdict is Verdict.GATEWAY


@pytest.mark.parametrize("key", ["outside_developers", "offered_as_product"])
def test_who_needs_a_gateway_is_always_told_so(key: str) -> None:
    assert all(advise({**answers, key: True}).verdict is not Verdict.MESH for answers in EVERY)


def test_there_are_six_questions_each_with_words() -> None:
    assert len(QUESTIONS) == 6
    assert all(question.text.endswith("?") and question.help.startswith("Yes: ") for question in QUESTIONS)


def test_a_missing_answer_is_no_answer() -> None:
    with pytest.raises(KeyError):
        advise({})
