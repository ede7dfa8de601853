"""`apim advise` asks no server."""

from __future__ import annotations

import json

from tests.apim.cli.conftest import Run

BANK = (
    "--no-every-replica", "--no-one-authority", "--no-outside-developers", "--no-one-product", "--no-other-than-http",
    "--offered-as-product",
)  # fmt: skip


def test_two_products_of_one_bank_get_a_gateway(bare: Run) -> None:
    told = json.loads(bare("advise", *BANK, "--json").stdout)
    assert told["verdict"] == "gateway"
    assert {reason["speaks_for"] for reason in told["reasons"]} == {"gateway"}
    assert told["next_step"]


def test_without_a_terminal_every_answer_is_needed(bare: Run) -> None:
    done = bare("advise", "--every-replica", stdin=-3)
    assert done.returncode == 1
    assert "--one-authority or --no-one-authority" in done.stderr
