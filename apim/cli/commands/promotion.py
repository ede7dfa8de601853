"""`apim promote`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value
from apim.cli.replayed import tell_calls

CHANGES_PENDING: Final = 2


def promote_environment(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The environment that has it.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The environment that is to have it.")],
    *,
    item: Annotated[
        list[str] | None, typer.Option("--item", help="Only this change, such as version:bank/v1; repeatable.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")] = "",
    waiver: Annotated[str, typer.Option("--waive", help="Why it is right that callers break.", metavar="REASON")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; exit with 2 when something would change.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Bring what one environment has to another: revisions, policies, limits, ceilings, issuers, hosts.

    All of it or nothing. What only TO has stays; what cannot go is named.

    Example: apim promote default production --dry-run
    """
    body: dict[str, Any] = {"to": target, "reason": reason, "waiver": waiver, "dry_run": dry_run}
    if item:
        body["items"] = item
    answer = connect().post(f"/environments/{segment(source)}/promotions", **body)
    wanted = [change for change in answer["changes"] if not item or change["id"] in item]
    going = [change for change in wanted if not change["refusal"]]
    form = chosen(output)
    if form is not Output.table:
        print_value(answer, form)
    else:
        print_rows([_row(change) for change in wanted], ("change", "act", "why_not"), form)
        verb = "would go" if dry_run else "went"
        note(f"{len(going)} of {len(wanted)} {verb} from {source} to {target}.")
        tell_calls(answer.get("calls"), form)
    if dry_run and going:
        raise typer.Exit(CHANGES_PENDING)


def _row(change: dict[str, Any]) -> dict[str, str]:
    act = "cannot go" if change["refusal"] else "new" if change["before"] is None else "change"
    return {"change": change["id"], "act": act, "why_not": change["refusal"]}
