"""`apim plans migrate`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value

COLUMNS: Final = ("organization", "product", "version", "usage", "before", "after", "currency", "moved")

plans = typer.Typer(help="Act on plans.", no_args_is_help=True, rich_markup_mode=None)


@plans.callback()
def group() -> None:
    """Act on plans."""


@plans.command("migrate")
def migrate_plan(  # noqa: PLR0917 - typer reads the options from the signature
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Name or id.")],
    from_version: Annotated[int, typer.Option("--from", min=0, help="Only those on this version; 0 is any.")] = 0,
    organization: Annotated[
        list[str] | None, typer.Option("--organization", help="Only this organization; repeatable.")
    ] = None,
    not_before: Annotated[str, typer.Option("--not-before", help="Nobody moves before, such as 2027-01-01.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Move nobody; show what it costs each.")] = False,  # noqa: FBT002
    output: OutputOption = None,
) -> None:
    """Move subscribers of a plan from earlier versions to the one in force.

    It shows what each paid for the last whole period and would have paid. What costs nothing has the new version at
    once; what is paid gets it with its first renewal, after a mail, and can be taken back in the console until then.

    Examples: apim plans migrate growth --dry-run; apim plans migrate growth --from 2 --organization acme
    """
    client, path = connect(), f"/plans/{segment(plan)}/migration"
    wanted: dict[str, Any] = {"from_version": from_version} if from_version else {}
    if organization:
        wanted["organizations"] = organization
    if not_before:
        wanted["not_before"] = not_before if "T" in not_before else f"{not_before}T00:00:00Z"
    answer = client.get(path) if dry_run else client.post(path, **wanted)
    rows = [
        row
        for row in answer["previews"]
        if from_version in {0, row["version"]} and (not organization or row["organization"] in organization)
    ]
    form = chosen(output)
    if form is not Output.table:
        print_value(answer | {"previews": rows}, form)
    else:
        moved = set(answer["moved"])
        print_rows([row | {"moved": row["subscription"] in moved} for row in rows], COLUMNS, form)
    names = {row["subscription"]: row["organization"] for row in rows}
    failed = {name: why for name, why in answer["failed"].items() if not dry_run or name in names}
    for subscription, why in failed.items():
        note(f"{names.get(subscription, subscription)} {'would stay' if dry_run else 'stays'}: {why}")
    verb = "would move" if dry_run else "moved"
    count = len(rows) - len(failed) if dry_run else len(answer["moved"])
    note(f"{count} {verb} to version {answer['version']}.")
    if answer["scheduled"]:
        note(f"{len(answer['scheduled'])} will move with their renewals; they were told by mail.")
    if failed:
        raise typer.Exit(1)
