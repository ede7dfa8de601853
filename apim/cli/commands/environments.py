"""`apim environments`: what was published to one, going back to it, and following the configuration again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value
from apim.cli.replayed import tell_calls

CHANGES_PENDING: Final = 2


class TrialBy(StrEnum):
    """Who tries a publication first, as the REST API names it."""

    gateways = "gateways"
    worker = "worker"
    share = "share"


environments = typer.Typer(help="Look at what was published to an environment, and go back.", no_args_is_help=True)

_Environment = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="Id or name.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why; shown beside the publication and kept in the audit log.")]
_Diff = Annotated[bool, typer.Option("--diff", help="Only show what would change; exit with 2 when something would.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@environments.command("publications")
def list_publications(environment: _Environment, output: OutputOption = None) -> None:
    """List what was published, the newest first, with who made it necessary and why.

    Example: apim environments publications default
    """
    client = connect()
    rows = list(client.list("/publications", **{"filter[environment]": environment}))
    if not rows:
        client.get(f"/environments/{segment(environment)}")  # one that does not exist is told
    form = chosen(output)
    if form is not Output.table:
        print_value(rows, form)
        return
    print_rows(rows, ("revision", "cause", "made_by", "reason", "stage", "created_at"), form)


@environments.command("rollback")
def roll_back_environment(
    environment: _Environment,
    *,
    to: Annotated[int, typer.Option("--to", metavar="REVISION", help="Of the publication to go back to.")],
    reason: _Reason = "",
    diff: _Diff = False,
    yes: _Yes = False,
    output: OutputOption = None,
) -> None:
    """Take all of an environment back to an earlier publication, and hold it there.

    Its content is published anew, as a higher revision. What is saved meanwhile waits for `apim environments release`.
    Keys and subscriptions go on as they are.

    Example: apim environments rollback default --to 41 --diff
    """
    body = {"revision": to, "reason": reason}
    _decide(f"/environments/{segment(environment)}/rollback", body, output, is_diff=diff, is_agreed=yes)
    if not diff:
        note(f"{environment} is held at publication {to}. Mend the configuration, then: apim environments release.")


@environments.command("release")
def release_environment(
    environment: _Environment,
    *,
    reason: _Reason = "",
    diff: _Diff = False,
    yes: _Yes = False,
    output: OutputOption = None,
) -> None:
    """Let an environment that was taken back follow its configuration again.

    Example: apim environments release default --reason mended
    """
    _decide(
        f"/environments/{segment(environment)}/release", {"reason": reason}, output, is_diff=diff, is_agreed=yes
    )  # fmt: skip
    if not diff:
        note(f"{environment} follows its configuration again.")


@environments.command("trials")
def set_trials(
    environment: _Environment,
    *,
    seconds: Annotated[int | None, typer.Option("--seconds", min=0, help="For how long; 0 = no trial.")] = None,
    by: Annotated[TrialBy | None, typer.Option("--by", help="Who tries a publication first.")] = None,
    share: Annotated[int | None, typer.Option("--share", min=1, max=99, help="Percent of the gateways.")] = None,
    output: OutputOption = None,
) -> None:
    """Say who tries each publication before others are sent it, and for how long; without options, show it.

    `worker` is one worker of each gateway that has two or more, so it works with a single gateway.

    Example: apim environments trials default --seconds 60 --by worker
    """
    path, given = f"/environments/{segment(environment)}", {"trial_s": seconds, "trial_by": by, "trial_share": share}
    changes = {name: value for name, value in given.items() if value is not None}
    found = connect().patch(path, **changes) if changes else connect().get(path)
    print_value({name: found[name] for name in given}, chosen(output))


@environments.command("revocations")
def set_revocation_age(
    environment: _Environment,
    *,
    seconds: Annotated[int | None, typer.Option("--max-age", min=0, help="Seconds, from 60 on; 0 = never.")] = None,
    output: OutputOption = None,
) -> None:
    """Say after what time a gateway that is cut off refuses keys, for they may be revoked; without options, show it.

    Calls that need a key are then answered with 503 credential-unconfirmed, until it hears from this site again.

    Example: apim environments revocations default --max-age 900
    """
    path, name = f"/environments/{segment(environment)}", "max_revocation_age_s"
    found = connect().get(path) if seconds is None else connect().patch(path, **{name: seconds})
    print_value({name: found[name]}, chosen(output))


def _decide(path: str, body: dict[str, Any], output: Output | None, *, is_diff: bool, is_agreed: bool) -> None:
    """Shows what would change, asks, and does it on that very state."""
    client = connect()
    plan = client.post(path, **body, dry_run=True)
    form = chosen(output)
    if form is not Output.table:
        print_value(plan, form)
    else:
        print_rows([_row(change) for change in plan["changes"]], ("change", "what", "subject", "fields"), form)
        tell_calls(plan.get("calls"), form)
    if is_diff:
        raise typer.Exit(CHANGES_PENDING if plan["changes"] else 0)
    if not body["reason"].strip():
        message = "A reason is needed."
        raise CLIError(message, hint='Say why: --reason "callers fail since 43". --diff only looks.')
    if not is_agreed:
        typer.confirm(f"{len(plan['changes'])} differences. Go on?", abort=True, err=True)
    client.post(path, **body, seen=plan["seen"])


def _row(change: dict[str, Any]) -> dict[str, str]:
    fields = "; ".join(f"{field['name']}: {field['before']} -> {field['after']}" for field in change["fields"])
    return {"change": change["action"], "what": change["kind"], "subject": change["subject"], "fields": fields}
