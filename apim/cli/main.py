"""The `apim` command: which commands there are, and how it ends.

Exit codes: 0 done, 2 changes pending (only `apply --dry-run`), 1 anything else, wrong usage included.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError, UsageError

from apim.cli.commands.advice import advise_me
from apim.cli.commands.backups import back_up, restore
from apim.cli.commands.billing import billing
from apim.cli.commands.catalog import import_document, publish_version, roll_back_version, shift_arms
from apim.cli.commands.contracts import compare_documents, lint_document
from apim.cli.commands.demo import demo
from apim.cli.commands.documents import apply_documents, describe_object, get_objects
from apim.cli.commands.environments import environments
from apim.cli.commands.gateway import gateway
from apim.cli.commands.health import examine_installation
from apim.cli.commands.jobs import jobs
from apim.cli.commands.keys import keys
from apim.cli.commands.operations import list_gateways, show_usage, trace_request
from apim.cli.commands.plans import plans
from apim.cli.commands.promotion import promote_environment
from apim.cli.commands.sandbox import sandbox
from apim.cli.commands.session import log_in, show_version
from apim.cli.commands.transfers import transfers
from apim.cli.errors import CLIError
from apim.cli.output import note

FAILED: Final = 1
CHANGES_PENDING: Final = 2
INTERRUPTED: Final = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    name="apim",
    help="Manage APIs from the command line. APIM_URL and APIM_TOKEN, or `apim login`, say where and who.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its help takes 160 ms more to load
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("import")(import_document)
app.command("lint")(lint_document)
app.command("diff")(compare_documents)
app.command("apply")(apply_documents)
app.command("get")(get_objects)
app.command("describe")(describe_object)
app.add_typer(keys, name="keys")
app.add_typer(transfers, name="transfers")
app.command("usage")(show_usage)
app.add_typer(billing, name="billing")
app.add_typer(plans, name="plans")
app.command("publish")(publish_version)
app.command("rollback")(roll_back_version)
app.command("arms")(shift_arms)
app.add_typer(sandbox, name="sandbox")
app.add_typer(jobs, name="jobs")
app.command("promote")(promote_environment)
app.add_typer(environments, name="environments")
app.command("gateways")(list_gateways)
app.add_typer(gateway, name="gateway")
app.command("trace")(trace_request)
app.add_typer(demo, name="demo")
app.command("advise")(advise_me)
app.command("backup")(back_up)
app.command("restore")(restore)
app.command("doctor")(examine_installation)
app.command("login")(log_in)
app.command("version")(show_version)


def main() -> None:
    """Runs the command line and ends the process; no failure shows a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of the command line `apim ARGUMENTS`."""
    try:
        code = app(arguments, prog_name="apim", standalone_mode=False)
        sys.stdout.flush()
    except CLIError as error:
        _tell(error)
        return FAILED
    except NoArgsIsHelpError as error:
        note(error.format_message())
        return FAILED
    except ClickException as error:
        where = error.ctx.command_path if isinstance(error, UsageError) and error.ctx else "apim"
        _tell(CLIError(error.format_message(), hint=f"See {where} --help."))
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        note("Interrupted.")
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return FAILED
    except OSError as error:  # a full disk, a home that cannot be written: the edge of the process
        _tell(CLIError(f"{error.filename or 'apim'}: {error.strerror or error}"))
        return FAILED
    if code == INTERRUPTED:
        note("Interrupted.")
    return CHANGES_PENDING if code == CHANGES_PENDING else FAILED if code else 0


def _tell(error: CLIError) -> None:
    note(f"apim: {error.message}")
    for line in error.details:
        note(f"  {line}")
    if error.hint:
        note(f"  {error.hint}")
    if error.request_id:
        note(f"  (request {error.request_id})")
