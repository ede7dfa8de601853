"""`apim demo`: made traffic for the bank example, switched on and off and removed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from apim.cli.client import connect
from apim.cli.output import OutputOption, chosen, print_object

demo = typer.Typer(name="demo", help="Made customers who call the bank example, so that no chart is empty.")


@demo.command("on")
def switch_on(
    *,
    in_production: Annotated[
        bool, typer.Option("--in-production", help="Run it although the installation looks like production.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Start the demo: customers, calls through the gateway, and a history of 14 days. Refused beside live payments.

    Example: apim demo on
    """
    _print(connect().post("/demo/on", in_production=in_production), output)


@demo.command("off")
def switch_off(output: OutputOption = None) -> None:
    """Stop the calls within seconds; what was made stays to be looked at.

    Example: apim demo off
    """
    _print(connect().post("/demo/off"), output)


@demo.command("remove")
def remove(output: OutputOption = None) -> None:
    """Remove everything that the demo made; its calls leave all charts within minutes.

    Example: apim demo remove
    """
    _print(connect().post("/demo/remove"), output)


@demo.command("status")
def show(output: OutputOption = None) -> None:
    """Show whether the demo runs, what it sent and how much of the history is there.

    Example: apim demo status
    """
    _print(connect().get("/demo"), output)


def _print(state: dict[str, Any], output: OutputOption) -> None:
    print_object({name: value for name, value in state.items() if value not in {"", None}}, chosen(output))
