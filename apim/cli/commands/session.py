"""`apim login` and `apim version`."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from apim.cli.client import Client
from apim.cli.errors import CLIError
from apim.cli.login import Login, current_login, store_login
from apim.cli.output import note


def log_in(
    url: Annotated[str, typer.Option(help="The control plane; APIM_URL or the last one when left out.")] = "",
    token: Annotated[
        str, typer.Option(help="The token; asked for, or read from standard input, when left out.", show_default=False)
    ] = "",
) -> None:
    """Check a token and keep it for the next commands, in a file that only you can read.

    Make a token in the console under your name, or with POST /api/v1/tokens.

    Example: apim login --url http://127.0.0.1:8000
    """
    where = (url or current_login().url).rstrip("/")
    if not token:
        token = typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    login = Login(where, token.strip())
    if not login.token:
        message = "There is no token on standard input."
        raise CLIError(message)
    me = Client(login).get("/me")
    path = store_login(login)
    note(f"Logged in to {where} as {me['user']['email']}; kept in {path}.")


def show_version() -> None:
    """Print the version of this command.

    Example: apim version
    """
    try:
        typer.echo(f"apim {version('apim')}")
    except PackageNotFoundError:
        typer.echo("apim (from a working tree)")
