"""`apim import`, `apim publish`, `apim rollback` and `apim arms`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from apim.cli.client import connect, segment
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_value
from apim.cli.sources import read_text

APIArgument = Annotated[str, typer.Argument(metavar="API", help="Name of the API, or API:VERSION.", show_default=False)]
VersionArgument = Annotated[str, typer.Argument(metavar="[VERSION]", help="Name of the version.", show_default=False)]
WaiverOption = Annotated[str, typer.Option("--waive", help="Why it is right that callers break.", metavar="REASON")]
EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", help="The default one when left out.")]


def import_document(  # noqa: PLR0917 - typer reads the options from the signature
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="An OpenAPI document; - is standard input.")],
    name: Annotated[str, typer.Option("--name", "-n", help="Of the API; made when it is missing.")],
    version: Annotated[str, typer.Option("--version", "-v", help="Of the API; made when it is missing.")],
    upstream: Annotated[str, typer.Option(help="URL of the service behind it.")] = "",
    organization: Annotated[str, typer.Option(help="Who owns a new API.")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Send it to the gateways at once.")] = False,  # noqa: FBT002
    waive: WaiverOption = "",
    output: OutputOption = None,
) -> None:
    """Import an OpenAPI document, or import it again: plans, policies and documentation are kept.

    What is wrong with the document is listed with line and pointer; its valid parts are imported.

    Example: apim import accounts.yaml --name bank --version v1 --upstream http://127.0.0.1:9101 --publish
    """
    body: dict[str, Any] = {
        "name": name,
        "version": version,
        "upstream": upstream,
        "organization": organization,
        "publish": publish,
        "waiver": waive,
    }
    if source.startswith(("http://", "https://")):
        body["url"] = source
    else:
        body["document"] = sys.stdin.read() if source == "-" else read_text(Path(source), source)
    imported = connect().post("/imports", **body)
    for problem in imported["problems"]:
        place = f"line {problem['line']}: " if problem.get("line") else ""
        note(f"{problem['severity']}: {place}{problem['pointer']}: {problem['message']}")
    form = chosen(output, Output.table)
    if form is not Output.table:
        print_value(imported, form)
        return
    revision, state = imported["revision"]["number"], imported["version"]["state"]
    typer.echo(f"{name} {version}: revision {revision}, {state}")
    for change in imported["changes"]:
        offered = f" (offered by {', '.join(change['products'])})" if change["products"] else ""
        typer.echo(f"  {change['action']} {change['operation']}{offered}")


def publish_version(  # noqa: PLR0917 - typer reads the options from the signature
    api: APIArgument,
    version: VersionArgument = "",
    revision: Annotated[int | None, typer.Option(help="Number; the newest when left out.", min=1)] = None,
    environment: EnvironmentOption = "",
    waive: WaiverOption = "",
    output: OutputOption = None,
) -> None:
    """Send a revision of a version to the gateways.

    What breaks applications that really call it is refused and named; --waive says why it is right.

    Example: apim publish bank v2
    """
    body: dict[str, Any] = {"environment": environment, "waiver": waive}
    if revision is not None:
        body["revision"] = revision
    deployment = connect().post(f"/versions/{segment(_reference(api, version))}/publish", **body)
    _report("published", _reference(api, version), deployment, output)


def roll_back_version(  # noqa: PLR0917 - typer reads the options from the signature
    api: APIArgument,
    version: VersionArgument = "",
    to: Annotated[
        int | None, typer.Option("--to", help="Revision number; the one before when left out.", min=1)
    ] = None,
    environment: EnvironmentOption = "",
    waive: WaiverOption = "",
    output: OutputOption = None,
) -> None:
    """Send an earlier revision of a version to the gateways again.

    Example: apim rollback bank v2 --to 3
    """
    path = f"/versions/{segment(_reference(api, version))}/rollback"
    deployment = connect().post(path, to_number=to, environment=environment, waiver=waive)
    _report("rolled back", _reference(api, version), deployment, output)


def shift_arms(
    reference: Annotated[str, typer.Argument(metavar="API:VERSION", help="Whose arms.", show_default=False)],
    weights: Annotated[list[str] | None, typer.Argument(metavar="[ARM=WEIGHT]...", show_default=False)] = None,
    environment: EnvironmentOption = "",
    output: OutputOption = None,
) -> None:
    """Change the weights of a canary's arms at once, without a new revision; without any, back to the revision's.

    Example: apim arms bank:v1 blue=0 green=100
    """
    wanted: dict[str, int] = {}
    for text in weights or []:
        arm, _, weight = text.partition("=")
        if not arm or not weight.isdecimal():
            message = f"`{text}` is not an arm with its weight."
            raise CLIError(message, hint="Write it like: green=100")
        wanted[arm] = int(weight)
    found = _reference(reference, "")
    deployment = connect().post(f"/versions/{segment(found)}/arms", weights=wanted, environment=environment)
    form = chosen(output, Output.table)
    if form is not Output.table:
        print_value(deployment, form)
        return
    shares = ", ".join(f"{arm} {weight}" for arm, weight in deployment["arms"].items())
    typer.echo(f"{found.replace(':', ' ')}: {shares} in {deployment['environment']}")


def _reference(api: str, version: str) -> str:
    if version:
        return f"{api}:{version}"
    if not api.startswith("ver_") and ":" not in api and "/" not in api:
        message = f"Which version of {api}?"
        raise CLIError(message, hint=f"Write it like: {api} v1")
    return api.replace("/", ":")


def _report(what: str, reference: str, deployment: dict[str, Any], output: Output | None) -> None:
    form = chosen(output, Output.table)
    if form is not Output.table:
        print_value(deployment, form)
        return
    number, environment = deployment["revision_number"], deployment["environment"]
    typer.echo(f"{reference.replace(':', ' ')}: {what}, revision {number} in {environment}")
