"""`apim jobs list|show|wait|cancel|retry|download`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_object, print_rows, print_value

COLUMNS: Final = ("id", "kind", "title", "state", "done", "total", "asked_by", "asked_at")
_OPEN: Final = frozenset({"waiting", "running", "canceling"})
_PAUSE_S: Final = 2.0

jobs = typer.Typer(help="Follow long work: imports, promotions, exports.", no_args_is_help=True)

_Job = Annotated[str, typer.Argument(metavar="ID", help="Of the job, such as job_06b1...", show_default=False)]


@jobs.command("list")
def list_jobs(
    state: Annotated[str, typer.Option(help="waiting, running, done, failed or canceled.")] = "",
    kind: Annotated[str, typer.Option(help="Such as import, promotion or audit-export.")] = "",
    output: OutputOption = None,
) -> None:
    """List long work, the newest first: all for admins, for others their own.

    Example: apim jobs list --state running
    """
    rows = connect().list("/jobs", **{"filter[state]": state or None, "filter[kind]": kind or None})
    print_rows(rows, COLUMNS, chosen(output))


@jobs.command("show")
def show_job(job: _Job, output: OutputOption = None) -> None:
    """Show how far a job is, and why it failed.

    Example: apim jobs show job_06b1mz3k4t9qxw2v5c7d
    """
    _tell(connect().get(_path(job)), output)


@jobs.command("wait")
def wait_for_job(job: _Job, output: OutputOption = None) -> None:
    """Wait until a job has ended, and exit with 1 unless it is done.

    Example: apim jobs wait job_06b1mz3k4t9qxw2v5c7d
    """
    client = connect()
    while (found := client.get(_path(job)))["state"] in _OPEN:
        time.sleep(_PAUSE_S)
    _tell(found, output)
    if found["state"] != "done":
        raise typer.Exit(1)


@jobs.command("cancel")
def cancel_job(job: _Job, output: OutputOption = None) -> None:
    """Cancel a job; what it has not finished never happens.

    Example: apim jobs cancel job_06b1mz3k4t9qxw2v5c7d
    """
    _tell(connect().post(f"{_path(job)}/cancel"), output)


@jobs.command("retry")
def retry_job(job: _Job, output: OutputOption = None) -> None:
    """Ask once more for what failed or was canceled, and print the id of the new job.

    Example: apim jobs retry job_06b1mz3k4t9qxw2v5c7d
    """
    made = connect().post(f"{_path(job)}/retry")
    if output in {None, Output.table}:
        typer.echo(made["id"])
    else:
        print_value(made, chosen(output))


@jobs.command("download")
def download_file(
    job: _Job,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write; standard output when left out.")] = None,
) -> None:
    """Get the file that a job of yours made.

    Example: apim jobs download job_06b1mz3k4t9qxw2v5c7d --to audit.csv
    """
    content = connect().download(f"{_path(job)}/file")
    if to is None:
        sys.stdout.buffer.write(content)
        return
    try:
        to.write_bytes(content)
    except OSError as error:
        message = f"{to} cannot be written: {error.strerror}."
        raise CLIError(message) from error
    note(f"{len(content):,} bytes in {to}.")


def _path(job: str) -> str:
    return f"/jobs/{segment(job)}"


def _tell(job: dict[str, Any], output: Output | None) -> None:
    form = chosen(output)
    if form is not Output.table:
        print_value(job, form)
        return
    print_object({name: value for name, value in job.items() if name != "problems"}, form)
    for problem in job["problems"]:
        note(f"{problem['message']} {problem['hint']}".strip())
