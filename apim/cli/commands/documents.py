"""`apim apply`, `apim get` and `apim describe`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer
import yaml12

from apim.cli.client import Client, connect, segment
from apim.cli.errors import CLIError
from apim.cli.kinds import DOCUMENT_KINDS, KINDS, Kind, find_kind
from apim.cli.output import Output, OutputOption, chosen, note, print_object, print_rows, print_value
from apim.cli.replayed import tell_calls
from apim.cli.sources import Bundle, read_sources

CHANGES_PENDING: Final = 2
UNCHANGED: Final = "unchanged"
ANSWERS_DIFFER: Final = "documents.answers_differ"

KindArgument = Annotated[
    str, typer.Argument(metavar="KIND", help=f"{', '.join(kind.name for kind in KINDS)}; any case, singular or plural.")
]


def apply_documents(
    files: Annotated[
        list[str], typer.Option("--file", "-f", help="File or directory of documents; - is standard input; repeatable.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; exit with 2 when something would change.")
    ] = False,
    accept_breaking: Annotated[
        str, typer.Option("--accept-breaking", metavar="REASON", help="Why it is right that callers break.")
    ] = "",
    accept_answers: Annotated[
        bool,
        typer.Option("--accept-answers", help="Go on though some of the last calls would be answered differently."),
    ] = False,
    output: OutputOption = None,
) -> None:
    """Bring about what documents say, all or nothing; applying them twice changes nothing.

    `$file` names a file beside the document; `$env` an environment variable of this process. What breaks applications
    that really call it is refused and named, unless --accept-breaking says why it is right. The last calls of what it
    changes are decided anew: where some would be answered differently, they are shown and you are asked; without a
    terminal --accept-answers is needed.

    Examples: apim apply -f apim.yaml --dry-run; apim apply -f organizations.yaml -f apis/
    """
    bundle = read_sources(files)
    if not bundle.documents.strip():
        message = f"{', '.join(files)}: there is no document."
        raise CLIError(message, hint="A document begins with `apiVersion: apim.dev/v1`; `apim get all` prints some.")
    form = chosen(output, Output.table)
    body = {"documents": bundle.documents, "files": bundle.files, "dry_run": dry_run, "waiver": accept_breaking}
    try:
        applied = _apply(connect(), {**body, "accept_answers": accept_answers}, form)
    except CLIError as error:
        raise _located(error, bundle) from error
    for warning in applied["warnings"]:
        note(f"warning: {bundle.located(warning)}")
    changed = sum(change["action"] != UNCHANGED for change in applied["changes"])
    if form is Output.table:
        verb = "would change" if dry_run else "changed"
        _print_changes(applied["changes"], f"{changed} of {len(applied['changes'])} {verb}.")
        if dry_run and changed:
            tell_calls(applied.get("calls"), form)
    else:
        print_value(applied, form)
    if dry_run and changed:
        raise typer.Exit(CHANGES_PENDING)


def _print_changes(changes: list[dict[str, Any]], summary: str) -> None:
    for change in changes:
        fields = f": {', '.join(change['fields'])}" if change["fields"] else ""
        typer.echo(f"{change['action']:<10} {change['kind']} {change['name']}{fields}")
    note(summary)


def _apply(client: Client, body: dict[str, Any], form: Output) -> Any:
    """The answer; who sits at a terminal is asked first where calls would be answered differently."""
    try:
        return client.post("/documents/apply", **body)
    except CLIError as error:
        calls = error.problem.get("calls") if error.problem.get("code") == ANSWERS_DIFFER else None
        if calls is None:
            raise
        if form is Output.table:
            tell_calls(calls, form)
        elif sys.stdin.isatty():
            note(error.message)  # a program reads the rest: one value, what was applied in the end
        else:
            print_value({"calls": calls}, form)
        if not sys.stdin.isatty():
            hint = "--dry-run shows them and changes nothing; --accept-answers goes on."
            raise CLIError(error.message, hint=hint, request_id=error.request_id) from error
    typer.confirm("Go on?", abort=True, err=True)
    return client.post("/documents/apply", **{**body, "accept_answers": True})


def get_objects(
    kind: Annotated[str, typer.Argument(metavar="KIND|all", help=f"{', '.join(each.name for each in KINDS)}, or all.")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", show_default=False)] = "",
    output: OutputOption = None,
) -> None:
    """List objects, or print them as documents: what -o yaml prints, `apim apply` takes unchanged elsewhere.

    On a terminal it prints tables; into a file or a pipe, YAML.

    Examples: apim get apis; apim get all -o yaml > everything.yaml; apim get api bank -o yaml
    """
    form = chosen(output, Output.yaml)
    client = connect()
    kinds = DOCUMENT_KINDS if kind.lower() == "all" else (find_kind(kind),)
    if form is Output.table:
        _print_tables(client, kinds, name)
    elif kind.lower() == "all" or kinds[0].document:
        _print_documents(client, "all" if kind.lower() == "all" else kinds[0].document, name, form)
    else:
        print_value(_rows(client, kinds[0], name), form)


def describe_object(
    kind: KindArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id.")],
    output: OutputOption = None,
) -> None:
    """Show one object as it is now, with what belongs to it.

    Examples: apim describe api bank; apim describe application acme:shop
    """
    found = find_kind(kind)
    client = connect()
    shown = client.get(f"{found.path}/{segment(name.replace('/', ':'))}")
    reference = shown["id"]
    for title, path, condition in found.related:
        shown[title] = [_brief(path, row) for row in client.list(path, **{condition: reference})]
    print_object(shown, chosen(output, Output.yaml))


def _print_tables(client: Client, kinds: tuple[Kind, ...], name: str) -> None:
    for position, kind in enumerate(kinds):
        if len(kinds) > 1:
            typer.echo(f"{'' if position == 0 else chr(10)}{kind.path.removeprefix('/')}")
        rows = _rows(client, kind, name)
        if name and not rows and len(kinds) == 1:
            raise _missing(kind.name, name)
        print_rows(rows, kind.columns, Output.table)


def _rows(client: Client, kind: Kind, name: str) -> list[dict[str, Any]]:
    if not name:
        return list(client.list(kind.path))
    organization, separator, own_name = name.replace("/", ":").partition(":")
    if separator or name.partition("_")[0] in {"org", "api", "ver", "pln", "prd", "app", "sub", "crd", "env", "gw"}:
        return [client.get(f"{kind.path}/{segment(f'{organization}:{own_name}' if separator else name)}")]
    return list(client.list(kind.path, **{kind.default_filter: name}))


def _print_documents(client: Client, kind: str, name: str, output: Output) -> None:
    text = client.get("/documents/export", kind=kind, name=name or None)["documents"]
    if name and not text.strip():
        raise _missing(kind, name)
    if output is Output.yaml:
        typer.echo(text.rstrip("\n"))
    else:
        print_value(yaml12.parse_yaml(text, multi=True) if text.strip() else [], output)


def _missing(kind: str, name: str) -> CLIError:
    return CLIError(f'There is no {kind} "{name}" that you may see.', hint=f"List them: apim get {kind.lower()}")


def _brief(path: str, row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a related object."""
    columns = next((kind.columns for kind in KINDS if kind.path == path), ("email", "role", "team"))
    return {column: row.get(column) for column in columns}


def _located(error: CLIError, bundle: Bundle) -> CLIError:
    return CLIError(
        bundle.located(error.message),
        hint=error.hint,
        request_id=error.request_id,
        details=tuple(bundle.located(line) for line in error.details),
    )
