"""`apim billing`: what plans cost. Simulating needs no control plane: the arithmetic is here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final, NamedTuple

import typer
import yaml12

from apim.cli.commands.rehearsal import rehearse_plan
from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_rows, print_value
from apim.cli.sources import read_each
from apim.pricing.faults import Fault
from apim.pricing.meters import parse_meter
from apim.pricing.rating import Period, Rated, rate
from apim.pricing.terms import Terms, beyond_limits, parse_terms, remarks_on

COLUMNS: Final = ("name", "detail", "quantity", "unit_amount", "amount")
_QUANTITY: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)

billing = typer.Typer(help="What plans cost.", no_args_is_help=True, rich_markup_mode=None)


class Source(NamedTuple):
    """A document and the file it stood in."""

    file: str
    kind: str
    name: str
    spec: Mapping[str, Any]


@billing.callback()
def group() -> None:
    """What plans cost."""


billing.command("rehearse")(rehearse_plan)


@billing.command("simulate")
def simulate_invoice(  # noqa: PLR0917 - typer reads the options from the signature
    files: Annotated[
        list[str],
        typer.Option("--file", "-f", help="File or directory with the Plan document; - is standard input; repeatable."),
    ],
    usage: Annotated[
        list[str] | None, typer.Option("--usage", "-u", metavar="METER=QUANTITY", help="Of a period; repeatable.")
    ] = None,
    plan: Annotated[str, typer.Option(help="The plan, where the files have several.")] = "",
    period: Annotated[
        Period, typer.Option(help="first: with what is due once; later: without; trial: what the trial costs.")
    ] = Period.FIRST,
    balance: Annotated[str, typer.Option(help="Credits before the period, for a prepaid plan.")] = "0",
    output: OutputOption = None,
) -> None:
    """Show the invoice that a plan makes of a usage, to the minor unit. It asks no server and needs no login.

    Examples: apim billing simulate -f plan.yaml --usage bank-calls=132400;
    apim billing simulate -f apim.yaml --plan starter --usage calls=5000 --usage traffic=1073741824 -o json
    """
    documents = list(_documents(files))
    found = _plan(documents, plan)
    terms = _terms(found)
    quantities = _usage(usage or [], found, terms, [each.name for each in documents if each.kind == "Meter"])
    _check_meters(documents)
    if not _QUANTITY.fullmatch(balance):
        message = f'--balance: "{balance}" is no amount.'
        raise CLIError(message, hint="Write it like 12.50.")
    rated = rate(terms, quantities, period=period, balance=Decimal(balance))
    for remark in remarks_on(terms):
        note(f"note: {remark}")
    for meter, most in beyond_limits(terms, quantities):
        note(f"note: gateways refuse calls above {most:,} of {meter} in a period, so this invoice never comes.")
    _show(found, period, rated, chosen(output))


def _show(plan: Source, period: Period, rated: Rated, form: Output) -> None:
    invoice = rated.as_mapping()
    if form is not Output.table:
        print_value({"plan": plan.name, "period": str(period), **invoice}, form)
        return
    total = {"name": "total", "detail": invoice["currency"], "amount": invoice["total"]}
    print_rows([*invoice["lines"], total], COLUMNS, form)


def _documents(names: Sequence[str]) -> Iterator[Source]:
    """The documents of the files that are mappings with a kind and a name; others are not this command's business."""
    for file, _, text in read_each(list(names)):
        try:
            values: list[Any] = yaml12.parse_yaml(text, multi=True)
        except ValueError as error:
            message = f"{file} is not valid YAML: {error}."
            raise CLIError(message) from error
        for value in values:
            metadata = value.get("metadata") if isinstance(value, dict) else None
            name = metadata.get("name") if isinstance(metadata, dict) else None
            if name is not None:
                spec = value.get("spec", {})
                yield Source(file, str(value.get("kind")), str(name), spec if isinstance(spec, dict) else {})


def _plan(documents: Sequence[Source], name: str) -> Source:
    plans = [each for each in documents if each.kind == "Plan"]
    if not plans:
        message = "There is no Plan document in these files."
        raise CLIError(message, hint="One has `kind: Plan`, `metadata: { name: ... }` and a `spec`.")
    names = ", ".join(each.name for each in plans)
    if not name and len(plans) > 1:
        message = "There are several plans in these files."
        raise CLIError(message, hint=f"Choose one by --plan: {names}.")
    found = next((each for each in plans if name in {"", each.name}), None)
    if found is None:
        message = f'There is no plan "{name}" in these files.'
        raise CLIError(message, hint=f"There are: {names}.")
    return found


def _terms(plan: Source) -> Terms:
    terms, faults = parse_terms(plan.spec)
    if terms is None:
        raise _refused(plan, faults)
    return terms


def _check_meters(documents: Sequence[Source]) -> None:
    for each in documents:
        faults = parse_meter(each.spec)[1] if each.kind == "Meter" else ()
        if faults:
            raise _refused(each, faults)


def _refused(source: Source, faults: Sequence[Fault]) -> CLIError:
    where = f"{source.file}: {source.kind} {source.name}"
    lines = [f"{'.'.join(('spec', *fault.at))}: {fault.message} {fault.hint}".strip() for fault in faults]
    if len(lines) == 1:
        only = faults[0]
        return CLIError(f"{where}: {'.'.join(('spec', *only.at))}: {only.message}", hint=only.hint)
    return CLIError(f"{where} has {len(lines)} faults.", details=tuple(lines))


def _usage(texts: Sequence[str], plan: Source, terms: Terms, defined: Sequence[str]) -> dict[str, Decimal]:
    quantities: dict[str, Decimal] = {}
    for text in texts:
        meter, equals, quantity = text.partition("=")
        if not equals or not meter or not _QUANTITY.fullmatch(quantity):
            message = f'--usage: "{text}" is no usage.'
            raise CLIError(message, hint="Write it like bank-calls=132400, in digits without separators.")
        if meter in quantities:
            message = f"--usage: the meter {meter} is given twice."
            raise CLIError(message, hint="Add the two up.")
        if meter not in terms.meters:
            if terms.meters and meter not in defined:
                near = get_close_matches(meter, terms.meters, n=1)
                message = f"--usage: the plan {plan.name} has no price or limit for a meter {meter}."
                hint = f"Did you mean {near[0]}?" if near else f"It reads: {', '.join(terms.meters)}."
                raise CLIError(message, hint=hint)
            note(f"note: the plan {plan.name} has no price for {meter}; it costs nothing.")
        quantities[meter] = Decimal(quantity)
    return quantities
