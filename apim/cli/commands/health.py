"""`apim doctor`: on the machine that apim runs on, without asking the server, which may be what is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Annotated, Any, Final

import typer

from apim.backups.installation import ROOT, installation_of
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value

_START_S: Final = 120  # for the program itself, on a machine that has much to do
_WITHOUT_KEYS: Final = "Set APIM_HOME or APIM_KEYS_FILE. Were the keys lost, put that file back from a backup."
_WORDS: Final = {"green": "ok", "amber": "look", "red": "MEND"}


def examine_installation(
    *,
    is_strict: Annotated[bool, typer.Option("--strict", help="Fail for what is amber too, not only for red.")] = False,
    within: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds that all checks together may take.")] = 6,
    output: OutputOption = None,
) -> None:
    """Check the installation, and say how to mend what is wrong: stores, workers, gateways, mail, payments, backups.

    It exits with 1 when something is red, and never waits longer than a minute. APIM_HOME, DATABASE_URL and the
    other variables say which installation, as for `script/up`.

    Example: apim doctor -o json
    """
    findings = _findings(within)
    form = chosen(output)
    if form is not Output.table:
        print_value(findings, form)
    else:
        print_rows([_row(each) for each in findings], ("state", "check", "found", "mend"), form)
    failing = {"red", "amber"} if is_strict else {"red"}
    if any(each["state"] in failing for each in findings):
        raise typer.Exit(1)
    note("Nothing is broken.")


def _row(finding: dict[str, str]) -> dict[str, str]:
    mend = finding["command"] or finding["page"] if finding["state"] != "green" else ""
    return {"state": _WORDS[finding["state"]], "check": finding["title"], "found": finding["text"], "mend": mend}


def _findings(within: float) -> list[dict[str, Any]]:
    keys = installation_of(os.environ).keys_file
    if not keys.exists():  # the server's own code would make new ones
        raise CLIError(f"There is no installation here: {keys} is missing.", hint=_WITHOUT_KEYS)
    program = ROOT / "manage.py"
    if not program.exists():
        raise CLIError("manage.py is not here.", hint="Run this in the checkout or image that apim runs from.")
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            (sys.executable, str(program), "examine", "--within", str(within)),
            capture_output=True,
            text=True,
            check=False,
            timeout=within + _START_S,
        )
    except subprocess.TimeoutExpired as error:
        raise CLIError(
            f"The checks did not end within {within + _START_S:g} s.", hint="Is the machine overloaded?"
        ) from error
    if ended.returncode != 0:
        why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CLIError(f"The checks could not run: {why}", hint="Is DATABASE_URL right, and apim installed whole?")
    findings: list[dict[str, Any]] = json.loads(ended.stdout)
    return findings
