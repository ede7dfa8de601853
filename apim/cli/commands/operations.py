"""`apim usage`, `apim gateways` and `apim trace`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from apim.cli.client import connect, segment
from apim.cli.output import Output, OutputOption, chosen, print_object, print_rows, print_value


def show_usage(
    app: Annotated[str, typer.Option("--app", "-a", help="Application: name, organization:name or id.")],
    since: Annotated[str, typer.Option(help="Such as 2026-11-01T00:00:00Z; this month in UTC when left out.")] = "",
    until: Annotated[str, typer.Option(help="Now when left out.")] = "",
    output: OutputOption = None,
) -> None:
    """Count the calls of an application by status.

    Example: apim usage --app shop -o json
    """
    usage = connect().get("/usage", application=app, since=since or None, until=until or None)
    form = chosen(output)
    if form is not Output.table:
        print_value({"calls": usage["calls"], "by_status": usage["by_status"]}, form)
        return
    rows = [{"status": status, "calls": calls} for status, calls in usage["by_status"].items()]
    print_rows([*rows, {"status": "all", "calls": usage["calls"]}], ("status", "calls"), form)


def list_gateways(output: OutputOption = None) -> None:
    """List gateways and their workers, with the revision each one serves.

    Example: apim gateways
    """
    gateways = list(connect().list("/gateways"))
    form = chosen(output)
    if form is not Output.table:
        print_value(gateways, form)
        return
    print_rows(_worker_rows(gateways), ("gateway", "environment", "worker", "revision", "problems", "seen_at"), form)


def trace_request(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="Of any answer of the gateway.")],
    output: OutputOption = None,
) -> None:
    """Show one request and how the gateway decided; it is there within 5 seconds of the call.

    Example: apim trace req_06b1mz3k4t9qxw2v5c7d
    """
    print_object(connect().get(f"/requests/{segment(request_id)}"), chosen(output))


def _worker_rows(gateways: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for gateway in gateways:
        base = {"gateway": gateway["name"], "environment": gateway["environment"], "seen_at": gateway["seen_at"]}
        if not gateway["workers"]:
            rows.append({**base, "worker": None, "revision": None, "problems": None})
        for worker in gateway["workers"]:
            own = {name: worker[name] for name in ("revision", "seen_at")}
            rows.append({**base, **own, "worker": worker["slot"], "problems": len(worker["problems"])})
    return rows
