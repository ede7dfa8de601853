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
    """Show one request, the policies it met, the tries at targets and where the time went.

    It is there within 5 seconds of the call. Refusals, failures and repeated tries of the last hour are explained in
    full, and a sample of the rest; of older calls it shows what was counted.

    Example: apim trace 373809ab71ec1d5f-00000016
    """
    request = connect().get(f"/requests/{segment(request_id)}")
    form = chosen(output)
    explanation = request.get("explanation")
    if form is not Output.table or explanation is None:
        request = {name: value for name, value in request.items() if value is not None or name != "explanation"}
        print_object(request, form)
        return
    shown = {name: value for name, value in request.items() if name not in {"trace", "explanation"}}
    print_object(shown | _facts_of(explanation), form)
    _print_part("policies", [_policy_row(each) for each in explanation.get("policies", ())])
    _print_part("tries", [_try_row(each) for each in explanation.get("tries", ())])
    _print_part("steps", [_step_row(each) for each in explanation.get("parts", ())])
    _print_part("subscriptions", explanation.get("rivals", []))


def _print_part(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        typer.echo(f"\n{title}")
        print_rows(rows, tuple(rows[0]), Output.table)


def _facts_of(explanation: dict[str, Any]) -> dict[str, Any]:
    """What of an explanation stands beside the request's own fields."""
    facts = {name: explanation.get(name) for name in ("detail", "revision", "protocol") if explanation.get(name)}
    facts["recorded"] = explanation["reason"]
    if span := explanation.get("span"):
        facts["trace_id"] = span["trace_id"]
    return facts


def _policy_row(met: dict[str, Any]) -> dict[str, Any]:
    done = f"would have {met['done']}" if met.get("is_shadow") else met["done"]
    way = "answer" if met.get("is_answer") else "request"
    return {"policy": met["kind"], "of": way, "decision": done, "took": _took(met.get("us", -1))}


def _try_row(made: dict[str, Any]) -> dict[str, Any]:
    return {
        "target": made.get("target") or "the service",
        "arm": made.get("arm", ""),
        "outcome": made.get("status") or made["outcome"],
        "began": _took(made["at_us"]),
        "connecting": _took(made.get("connect_us", 0)),
        "first_byte": _took(made.get("first_byte_us", -1)),
        "tried_again_for": made.get("retry", ""),
    }


def _step_row(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": part["name"],
        "call": part["operation"],
        "outcome": part.get("status") or part["outcome"],
        "undoes": part.get("undoes", ""),
        "began": _took(part["at_us"]),
        "took": _took(part.get("us", -1)),
    }


def _took(microseconds: int) -> str:
    return "" if microseconds < 0 else f"{microseconds / 1000:.3f} ms"


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
