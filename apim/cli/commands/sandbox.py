"""`apim sandbox show|forward|mock`: what answers those who try a version."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from apim.cli.client import connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, print_value

sandbox = typer.Typer(help="Say what answers sandbox keys: examples, or a test system.", no_args_is_help=True)

_Version = Annotated[str, typer.Argument(metavar="API:VERSION", help="Whose sandbox.", show_default=False)]


@sandbox.command("show")
def show_sandbox(version: _Version, output: OutputOption = None) -> None:
    """Show what answers sandbox keys of a version.

    Example: apim sandbox show bank:v1
    """
    _tell(version, connect().get(_path(version)), output)


@sandbox.command("forward")
def forward_sandbox(  # noqa: PLR0917 - typer reads the options from the signature
    version: _Version,
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Of the test system.", show_default=False)],
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="`Name: value` that it gets, such as what opens it.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.", min=0.001, max=3600)] = 30,
    output: OutputOption = None,
) -> None:
    """Have a test system answer sandbox keys, at once and without a revision.

    Example: apim sandbox forward bank:v1 https://bank.test.example.com
    """
    upstream: dict[str, Any] = {"targets": [{"url": url} for url in urls], "timeout_s": timeout}
    if headers:
        upstream["headers"] = dict(map(_field, headers))
    _tell(version, connect().post(_path(version), upstream=upstream), output)


@sandbox.command("mock")
def mock_sandbox(version: _Version, output: OutputOption = None) -> None:
    """Have the examples of the document answer sandbox keys again.

    Example: apim sandbox mock bank:v1
    """
    _tell(version, connect().post(_path(version), upstream=None), output)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message = f"`{text}` is no header field."
        raise CLIError(message, hint="Write it like: X-Test: 1")
    return name.strip(), value.strip()


def _path(version: str) -> str:
    return f"/versions/{segment(version.replace('/', ':'))}/sandbox"


def _tell(version: str, found: dict[str, Any], output: Output | None) -> None:
    form = chosen(output, Output.table)
    if form is not Output.table:
        print_value(found, form)
        return
    urls = ", ".join(target["url"] for target in found["upstream"].get("targets", ()))
    said = {
        "service": f"forwarded to {urls}",
        "document": "answered with the examples of the document",
        "": f"no sandbox yet{f', then forwarded to {urls}' if urls else ''}",
    }
    typer.echo(f"{version}: {said[found['answers_from']]}")
