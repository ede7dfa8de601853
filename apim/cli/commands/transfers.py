"""`apim transfers offer|list|show|accept|refuse|withdraw`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.commands.keys import seconds
from apim.cli.output import Output, OutputOption, chosen, note, print_object, print_rows, print_value

COLUMNS: Final = ("id", "application", "source", "to", "state", "expires_at", "decided_at")
_ARRIVALS: Final = ("product", "plan", "environment", "fate", "obstacle")

TransferArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the offer, such as trf_06b1...")]
TakerOption = Annotated[
    str, typer.Option("--organization", help="The one that takes it; that of the offer when left out.")
]

transfers = typer.Typer(
    help="Hand applications over to other organizations.", no_args_is_help=True, rich_markup_mode=None
)


@transfers.command("offer")
def offer_application(
    app: Annotated[str, typer.Argument(metavar="APP", help="Name, organization:name or id.")],
    to: Annotated[str, typer.Option("--to", help="The name of an organization, or an e-mail address.")],
    message: Annotated[str, typer.Option("--note", help="A word to them.")] = "",
    output: OutputOption = None,
) -> None:
    """Offer an application, and print the id of the offer. Nothing moves before the other side accepts.

    Example: apim transfers offer shop --to acme-corp --note "As agreed."
    """
    made = connect().post("/transfers", application=app, to=to, note=message)
    if output in {None, Output.table}:
        typer.echo(made["id"])
    else:
        print_object(made, chosen(output))


@transfers.command("list")
def list_transfers(
    state: Annotated[str, typer.Option(help="offered, accepted, refused, withdrawn or expired.")] = "offered",
    output: OutputOption = None,
) -> None:
    """List the offers that you may take back or answer; those that are open, unless another state is asked for.

    Example: apim transfers list --state accepted -o json
    """
    print_rows(connect().list("/transfers", **{"filter[state]": state}), COLUMNS, chosen(output))


@transfers.command("show")
def show_transfer(transfer: TransferArgument, organization: TakerOption = "", output: OutputOption = None) -> None:
    """Show an offer, what comes along, and what stands in the way.

    Example: apim transfers show trf_06b1mz3k4t9qxw2v5c7d
    """
    client, path = connect(), f"/transfers/{segment(transfer)}"
    offer = client.get(path)
    luggage = client.get(f"{path}/luggage", organization=organization or None)
    form = chosen(output)
    if form is not Output.table:
        print_value(offer | {"luggage": luggage}, form)
        return
    keys = {"keys that go on": len(luggage["keys"]), "keys that end": len(luggage["left_keys"])}
    print_object(offer | keys | {"agreed": luggage["digest"]}, form)
    print_rows(luggage["subscriptions"], _ARRIVALS, form)


@transfers.command("accept")
def accept_transfer(  # noqa: PLR0917 - typer reads the options from the signature
    transfer: TransferArgument,
    organization: TakerOption = "",
    agreed: Annotated[str, typer.Option(help="What `show` said: refuses when something changed since.")] = "",
    roll: Annotated[str, typer.Option(help="New keys; the old ones go on for so long: 0, 1h, 24h, 7d.")] = "",
    output: OutputOption = None,
) -> None:
    """Take an application. Its keys stay, or are rolled: new ones are printed, a line each, and shown only now.

    Examples: apim transfers accept trf_06b1mz3k4t9qxw2v5c7d; apim transfers accept trf_06b1mz3k4t9qxw2v5c7d --roll 24h
    """
    body: dict[str, Any] = {
        "organization": organization,
        "agreed": agreed,
        "overlap_s": seconds(roll) if roll else None,
    }
    moved = connect().post(f"/transfers/{segment(transfer)}/accept", **body)
    if output not in {None, Output.table}:
        print_value(moved, chosen(output))
        return
    for issued in moved["issued"]:
        typer.echo(issued["key"])
    application = moved["application"]
    note(f"{application['name']} belongs to {application['organization']} now.")


@transfers.command("refuse")
def refuse_transfer(transfer: TransferArgument, output: OutputOption = None) -> None:
    """Say no: nothing moves, and the other side is told.

    Example: apim transfers refuse trf_06b1mz3k4t9qxw2v5c7d
    """
    _end(transfer, "refuse", output)


@transfers.command("withdraw")
def withdraw_transfer(transfer: TransferArgument, output: OutputOption = None) -> None:
    """Take an offer back.

    Example: apim transfers withdraw trf_06b1mz3k4t9qxw2v5c7d
    """
    _end(transfer, "withdraw", output)


def _end(transfer: str, verb: str, output: Output | None) -> None:
    ended = connect().post(f"/transfers/{segment(transfer)}/{verb}")
    if output in {None, Output.table}:
        note(f"The offer of {ended['application']} to {ended['to']} is {ended['state']}.")
    else:
        print_object(ended, chosen(output))
