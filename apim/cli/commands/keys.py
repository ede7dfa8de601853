"""`apim keys create|list|roll|revoke`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from apim.cli.client import connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_object, print_rows, print_value

COLUMNS: Final = (
    "id",
    "kind",
    "application",
    "environment",
    "product",
    "label",
    "prefix",
    "state",
    "expires_at",
    "last_used_at",
)
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:?){32}")
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

AppOption = Annotated[str, typer.Option("--app", "-a", help="Application: name, organization:name or id.")]
KeyArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the key, such as crd_06b1..., not the key itself.")]

keys = typer.Typer(
    help="Make, list, roll and revoke the keys of applications.", no_args_is_help=True, rich_markup_mode=None
)


@keys.command("create")
def create_key(  # noqa: PLR0917 - typer reads the options from the signature
    app: AppOption,
    product: Annotated[str, typer.Option("--product", "-p", help="Restricts the key to this product.")] = "",
    environment: Annotated[str, typer.Option("--environment", "-e", help="The default one when left out.")] = "",
    label: Annotated[str, typer.Option(help="For people.")] = "",
    issuer: Annotated[str, typer.Option(help="Registers a client of this issuer instead; with --client-id.")] = "",
    client_id: Annotated[str, typer.Option("--client-id", help="What the client is called in its tokens.")] = "",
    certificate: Annotated[
        str, typer.Option(help="Registers a client certificate instead: its PEM file, or its SHA-256 fingerprint.")
    ] = "",
    output: OutputOption = None,
) -> None:
    """Make a key and print it, alone, on standard output; it is shown only now. It never subscribes.

    With --issuer and --client-id it registers a client, which calls with the issuer's tokens, and prints its id; with
    --certificate a client certificate.

    Examples: KEY=$(apim keys create --app shop); apim keys create --app shop --product bank-payments -o json;
    apim keys create --app shop --issuer https://login.example.com --client-id shop-web
    """
    body: dict[str, Any] = {"application": app, "environment": environment, "label": label, "product": product or None}
    if bool(issuer) != bool(client_id):
        message = "--issuer and --client-id belong together."
        raise CLIError(message, hint="Give both to register a client, neither to make a key.")
    if issuer and certificate:
        message = "--issuer and --certificate are two kinds of credentials."
        raise CLIError(message, hint="Register one at a time.")
    if issuer:
        body |= {"issuer": issuer, "client_id": client_id}
    if certificate:
        body |= {"certificate": _certificate_text(certificate)}
    _print_key(connect().post("/credentials", **body), output)


@keys.command("list")
def list_keys(
    app: Annotated[str, typer.Option("--app", "-a", help="Only of this application.")] = "",
    output: OutputOption = None,
) -> None:
    """List keys, without the keys themselves.

    Example: apim keys list --app shop
    """
    client = connect()
    application = client.get(f"/applications/{segment(app.replace('/', ':'))}")["id"] if app else None
    print_rows(client.list("/credentials", **{"filter[application]": application}), COLUMNS, chosen(output))


@keys.command("roll")
def roll_key(
    key: KeyArgument,
    overlap: Annotated[
        str, typer.Option(help="How long the old key works beside the new one: 0, 30m, 1h, 7d.")
    ] = "24h",
    output: OutputOption = None,
) -> None:
    """Make a new key in place of another and print it, alone, on standard output.

    Example: apim keys roll crd_06b1mz3k4t9qxw2v5c7d --overlap 1h
    """
    _print_key(connect().post(f"/credentials/{segment(key)}/roll", overlap_s=seconds(overlap)), output)


@keys.command("revoke")
def revoke_key(
    key: KeyArgument,
    reason: Annotated[str, typer.Option(help="For the audit log.")] = "",
    output: OutputOption = None,
) -> None:
    """End a key at once and for ever.

    Example: apim keys revoke crd_06b1mz3k4t9qxw2v5c7d
    """
    credential = connect().post(f"/credentials/{segment(key)}/revoke", reason=reason)
    if output in {None, Output.table}:
        note(f"{credential['id']} ({credential['prefix']}...) is {credential['state']}.")
    else:
        print_object(credential, chosen(output))


def _print_key(issued: dict[str, Any], output: Output | None) -> None:
    if output in {None, Output.table}:
        typer.echo(issued["key"] or issued["id"])
    else:
        print_value({name: issued[name] for name in ("id", "key", "prefix")}, chosen(output))


def _certificate_text(named: str) -> str:
    """The PEM of a file, or the fingerprint as it is."""
    if _FINGERPRINT.fullmatch(named):
        return named
    try:
        return Path(named).read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        message = f"{named} cannot be read: {error}."
        raise CLIError(message, hint="Give a PEM file, or 64 hex digits.") from error


def seconds(text: str) -> int:
    """A length of time as people write it: 0, 90s, 30m, 24h, 7d. Errors: CLIError."""
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if match is None:
        message = f'"{text}" is no length of time.'
        raise CLIError(message, hint="Write it like 0, 90s, 30m, 24h or 7d.")
    return int(match[1]) * SECONDS[match[2] or "s"]
