"""`apim advise`: gateway, mesh or both, judged on this machine; asks no server."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from apim.cli.errors import CLIError


def advise_me(
    *,
    every_replica: Annotated[bool | None, typer.Option(help="You run every replica of both sides.")] = None,
    one_authority: Annotated[bool | None, typer.Option(help="Both sides trust one certificate authority.")] = None,
    outside_developers: Annotated[bool | None, typer.Option(help="Outside developers call.")] = None,
    one_product: Annotated[bool | None, typer.Option(help="It is all within one product boundary.")] = None,
    other_than_http: Annotated[bool | None, typer.Option(help="Something other than HTTP flows between them.")] = None,
    offered_as_product: Annotated[bool | None, typer.Option(help="It is offered as a product.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the advice as JSON.")] = False,
) -> None:
    """Say whether two sides that talk to each other need a gateway, a mesh or both, and why.

    Asks what the options leave open, on a terminal; elsewhere all six are needed.

    Example: apim advise --no-every-replica --no-one-authority --no-outside-developers --no-one-product
    --no-other-than-http --offered-as-product
    """
    from apim.advice import QUESTIONS, advise  # noqa: PLC0415 - loaded by who asks for it

    given = {
        "every_replica": every_replica,
        "one_authority": one_authority,
        "outside_developers": outside_developers,
        "one_product": one_product,
        "other_than_http": other_than_http,
        "offered_as_product": offered_as_product,
    }
    answers: dict[str, bool] = {}
    for question in QUESTIONS:
        answer = given[question.key]
        if answer is None and not sys.stdin.isatty():
            option = question.key.replace("_", "-")
            raise CLIError(f"{question.text} has no answer.", hint=f"Give --{option} or --no-{option}.")
        answers[question.key] = typer.confirm(f"{question.text} {question.help}") if answer is None else answer
    advice = advise(answers)
    if as_json:
        reasons = [{"question": each.key, "speaks_for": each.speaks_for, "text": each.text} for each in advice.reasons]
        told = {"verdict": advice.verdict, "answers": answers, "reasons": reasons}
        typer.echo(json.dumps({**told, "notes": list(advice.notes), "next_step": advice.step}, indent=2))
        return
    typer.echo(f"{advice.title}.\n")
    for reason in advice.reasons:
        typer.echo(f"  {reason.speaks_for:<8} {reason.text}")
    for text in advice.notes:
        typer.echo(f"  note     {text}")
    typer.echo(f"\nNext: {advice.step}")
