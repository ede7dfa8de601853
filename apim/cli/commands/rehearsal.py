"""`apim billing rehearse`."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from apim.cli.client import Client, connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value

COLUMNS: Final = ("step", "state", "stripe", "ledger", "gateway")
_RUNNING: Final = ("waiting", "running")
_PAUSE_S: Final = 1.0


def rehearse_plan(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Name or id.")],
    cancel: Annotated[bool, typer.Option("--cancel", help="End the rehearsal that runs.")] = False,  # noqa: FBT002
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start it, and do not wait for its end.")] = False,  # noqa: FBT002
    output: OutputOption = None,
) -> None:
    """Walk a customer on a test clock through a plan, in Stripe's test mode.

    From the trial over a failed card to the refund: each step says what Stripe said, what the ledger said and what the
    gateway answered. The customer is removed afterwards. It exits with 1 when a step did not come to what it should.

    Examples: apim billing rehearse growth; apim billing rehearse growth --cancel
    """
    client, path = connect(), f"/plans/{segment(plan)}/rehearsals"
    form = chosen(output)
    if cancel:
        found = client.post(f"/rehearsals/{_running(client, path, plan)}/cancel")
        note(f"{found['id']} ends before its next step.")
        return
    found = client.post(path)
    note(f"{found['id']} walks through version {found['version']} of {found['plan']}, product {found['product']}.")
    if not no_wait:
        found = _follow(client, found)
    if form is Output.table:
        print_rows([_row(step) for step in found["steps"]], COLUMNS, form)
    else:
        print_value(found, form)
    if found["state"] in {"failed", "canceled"}:
        note(f"{found['state'].capitalize()}: {found['outcome']}")
        raise typer.Exit(1)


def _running(client: Client, path: str, plan: str) -> str:
    for row in client.list(path):
        if row["state"] in _RUNNING:
            return str(row["id"])
    message = f"No rehearsal of {plan} is running."
    raise CLIError(message, hint="See `apim billing rehearse --help`.")


def _follow(client: Client, found: dict[str, Any]) -> dict[str, Any]:
    """The rehearsal once it has ended; each step is told when it is over."""
    told: set[int] = set()
    while True:
        for step in found["steps"]:
            if step["state"] in {"done", "failed"} and step["number"] not in told:
                told.add(step["number"])
                note(f"{step['number']:>2} {step['name']}: {step['state']}")
        if found["state"] not in _RUNNING:
            return found
        time.sleep(_PAUSE_S)
        found = client.get(f"/rehearsals/{segment(found['id'])}")


def _row(step: dict[str, Any]) -> dict[str, str]:
    columns = {name: "\n".join(step[f"{name}_said"]) for name in ("stripe", "ledger", "gateway")}
    if step["state"] == "skipped" and step["log"]:
        columns["stripe"] = step["log"].strip().rpartition("\n")[2]
    return {"step": step["name"], "state": step["state"], **columns}
