"""`apim gateway run`: a gateway on this host, which needs nothing of the control plane but its address and a token."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import typer

gateway = typer.Typer(help="Run a gateway on this host.", no_args_is_help=True)

_RUNTIME: Final = "gateway_sync.runtime"
_HOME: Final = "--home"


@gateway.command(
    "run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def run_gateway(context: typer.Context) -> None:
    """Run a gateway in this process; --help lists its options.

    It joins once by a token of the console (Gateways, Add a gateway), and starts without it from then on. Its state is
    kept in --home, ~/.apim/gateway unless given.

    Example: APIM_JOIN_TOKEN=apimjoin_… apim gateway run --join https://apim.example.com --bind 0.0.0.0
    """
    arguments = list(context.args)
    if not any(argument == _HOME or argument.startswith(f"{_HOME}=") for argument in arguments):
        arguments = [_HOME, str(Path.home() / ".apim" / "gateway"), *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", _RUNTIME, *arguments])  # noqa: S606 - itself, with its own interpreter
