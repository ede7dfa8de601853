"""`apim billing simulate`: invoices without a control plane."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml12

from apim.cli.main import run
from tests.apim.cli.conftest import Run
from tests.apim.cli.plans import METER, STARTER

FREE = """\
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: free }
spec: { limits: [{ quota: 1000, per: month }] }
"""


@pytest.fixture
def starter(tmp_path: Path) -> str:
    path = tmp_path / "plan.yaml"
    path.write_text(f"{METER}---\n{STARTER}")
    return str(path)


def test_it_works_without_a_server_and_a_login(bare: Run, starter: str) -> None:
    done = bare("billing", "simulate", "-f", starter, "--usage", "bank-calls=132400", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    invoice = json.loads(done.stdout)
    assert (invoice["plan"], invoice["currency"], invoice["total"]) == ("bank-starter", "EUR", "41.96")
    assert [line["amount"] for line in invoice["lines"]] == ["29.00", "0.00", "12.96"]
    assert invoice["lines"][2] == {
        "name": "calls",
        "kind": "usage",
        "detail": "above 100,000",
        "meter": "bank-calls",
        "quantity": "32400",
        "unit_amount": "0.0004",
        "amount": "12.96",
    }


@pytest.mark.parametrize("output", ["json", "yaml", "table"])
def test_amounts_are_texts_with_the_digits_of_the_currency(
    starter: str, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert run(["billing", "simulate", "-f", starter, "-u", "bank-calls=132400", "-o", output]) == 0
    told = capsys.readouterr().out
    if output == "table":
        assert told.splitlines()[-1].split() == ["total", "EUR", "-", "-", "41.96"]
    else:
        assert yaml12.parse_yaml(told)["total"] == "41.96"


def test_usage_that_no_gateway_lets_pass_is_told(starter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["billing", "simulate", "-f", starter, "-u", "bank-calls=2000001"]) == 0
    assert "gateways refuse calls above 2,000,000 of bank-calls in a period" in capsys.readouterr().err


def test_the_periods_of_a_subscription_differ(starter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["billing", "simulate", "-f", starter, "-u", "bank-calls=132400", "--period", "trial", "-o", "json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["total"] == "0.00"


def test_one_of_several_plans_is_chosen_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{METER}---\n{STARTER}---\n{FREE}"
    (tmp_path / "all.yaml").write_text(text)
    assert run(["billing", "simulate", "-f", str(tmp_path)]) == 1
    assert "--plan: bank-starter, free" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert run(["billing", "simulate", "-f", "-", "--plan", "free", "-u", "bank-calls=5", "-o", "json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["total"] == "0"
    assert "no price for bank-calls" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-u", "bank-call=5"], ("bank-call", "Did you mean bank-calls?")),
        (["-u", "bank-calls"], ("bank-calls=132400",)),
        (["-u", "bank-calls=-5"], ("no usage",)),
        (["-u", "bank-calls=1e9"], ("no usage",)),
        (["-u", "bank-calls=1", "-u", "bank-calls=2"], ("given twice",)),
        (["--plan", "gold"], ('no plan "gold"', "bank-starter")),
        (["--balance", "lots"], ("--balance", "12.50")),
        (["--period", "second"], ("second",)),
    ],
)
def test_what_cannot_be_simulated_is_told_with_how_to_mend_it(
    starter: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: tuple[str, ...]
) -> None:
    assert run(["billing", "simulate", "-f", starter, *arguments]) == 1
    told = capsys.readouterr().err
    assert all(word in told for word in words), told


def test_each_fault_of_a_plan_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(STARTER.replace('"29.00"', "29.00").replace("model: graduated", "model: gradual"))
    assert run(["billing", "simulate", "-f", str(path)]) == 1
    told = capsys.readouterr().err
    assert "Plan bank-starter has 2 faults" in told
    assert 'spec.prices.0.amount: `amount` must be an amount as a text. Put it in quotes: "29.0".' in told
    assert "spec.prices.1.model: `gradual` is not possible for `model`. Did you mean `graduated`?" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: [", "is not valid YAML"),
        ("kind: API\nmetadata: { name: x }", "no Plan document"),
        (METER.replace("status < 400", "colour == 3") + "---\n" + STARTER, "spec.where"),
    ],
)
def test_a_file_without_a_readable_plan_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    assert run(["billing", "simulate", "-f", str(path)]) == 1
    assert words in capsys.readouterr().err
