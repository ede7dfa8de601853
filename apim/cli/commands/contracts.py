"""`apim lint` and `apim diff`: OpenAPI documents judged and compared on this machine, without a server."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apim.cli.errors import CLIError
from apim.cli.output import Output, OutputOption, chosen, note, print_value, printable
from apim.cli.sources import read_text

if TYPE_CHECKING:  # what judges is loaded by who asks for it: it would be a fifth of every other command's start
    from apim.openapi.differing import Change, Comparison
    from apim.openapi.linting import Report


class FailOn(StrEnum):
    """From which severity on `apim lint` ends with 1."""

    error = "error"
    warning = "warning"
    hint = "hint"
    never = "never"


def lint_document(
    source: Annotated[str, typer.Argument(metavar="FILE", help="An OpenAPI document; - is standard input.")],
    fail_on: Annotated[FailOn, typer.Option(help="The mildest finding that makes the exit code 1.")] = FailOn.error,
    output: OutputOption = None,
) -> None:
    """Say what in an OpenAPI document could be better, with lines and a score. Asks no server.

    `x-apim-lint` in the document switches rules off; docs/reference/lint-rules.md tells all of them. Ends with 1 when
    something is found that is as severe as --fail-on, else with 0.

    Example: apim lint openapi.yaml --fail-on warning
    """
    from apim.openapi.linting import SEVERITIES, lint  # noqa: PLC0415 - see above

    report = lint(_text_of(source))
    form = chosen(output, Output.table)
    if form is not Output.table:
        print_value({"document": source, **_shape(report)}, form)
    else:
        for finding in report.findings:
            place = f"{source}:{finding.line}"
            typer.echo(printable(f"{place}: {finding.severity}: {finding.message} [{finding.rule}]"))
        counts = ", ".join(
            f"{report.counts[severity]:,} {severity}{'' if report.counts[severity] == 1 else 's'}"
            for severity in SEVERITIES
        )
        note(f"{source}: score {report.score} of 100; {counts}.")
        if report.left_out:
            note(f"{report.left_out:,} more of the same rules are not listed.")
        for sentence in report.skipped:
            note(f"Not looked at: {sentence}")
    if report.worst is not None and fail_on is not FailOn.never and _is_as_severe(report.worst, fail_on.value):
        raise typer.Exit(1)


def compare_documents(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The document callers know; - is standard input.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The one that takes its place.")],
    breaking: Annotated[bool, typer.Option("--breaking", help="Tell only what breaks callers.")] = False,  # noqa: FBT002
    output: OutputOption = None,
) -> None:
    """Say what changes for callers from one OpenAPI document to another. Asks no server.

    What callers send may only widen, what they receive may only narrow; docs/reference/changes.md tells all kinds of
    change. Ends with 1 when one of them breaks callers or when not all could be compared, else with 0.

    Example: apim diff published.yaml openapi.yaml --breaking
    """
    comparison = _compared(before, after)
    shown = comparison.breaking if breaking else comparison.changes
    form = chosen(output, Output.table)
    if form is not Output.table:
        changes = [asdict(change) | {"reason": change.reason} for change in shown]
        print_value(
            {
                "counts": comparison.counts,
                "left_out": comparison.left_out,
                "skipped": comparison.skipped,
                "changes": changes,
            },
            form,
        )
    else:
        for change in shown:
            typer.echo(printable(_line(change, before, after)))
        counts = comparison.counts
        note(f"{counts['breaking']:,} breaking, {counts['safe']:,} safe, {counts['text']:,} of words alone.")
        if comparison.left_out:
            note(f"{comparison.left_out:,} more are not listed.")
        for sentence in comparison.skipped:
            note(f"Not compared: {sentence}")
    if comparison.breaking or comparison.skipped:
        raise typer.Exit(1)


def _compared(before: str, after: str) -> Comparison:
    from apim.openapi.differing import compare_texts  # noqa: PLC0415 - see above
    from apim.openapi.source import SourceFault, read_source  # noqa: PLC0415

    texts = [_text_of(before), _text_of(after)]
    for name, source in zip((before, after), texts, strict=True):
        try:
            read_source(source)
        except SourceFault as fault:
            message = f"{name} line {fault.line}: {fault.message}" if fault.line else f"{name}: {fault.message}"
            raise CLIError(message, hint=fault.hint) from fault
    try:
        return compare_texts(*texts)
    except SourceFault as fault:
        raise CLIError(fault.message, hint=fault.hint) from fault


def _line(change: Change, before: str, after: str) -> str:
    """The change with the place that a reader looks at: where it was when it is gone, else where it is."""
    is_gone = change.kind.endswith("-removed")
    place = f"{before}:{change.before.line}" if is_gone else f"{after}:{change.after.line}"
    touched = f" ({', '.join(change.operations)})" if change.operations else ""
    return f"{place}: {change.impact}: {change.message}{touched} [{change.kind}]"


def _is_as_severe(worst: str, limit: str) -> bool:
    ranks = [each.value for each in FailOn]
    return ranks.index(worst) <= ranks.index(limit)


def _shape(report: Report) -> dict[str, object]:
    from apim.openapi.linting import RULES  # noqa: PLC0415 - see above

    pages = {rule.id: rule.page for rule in RULES}
    findings = [asdict(finding) | {"page": pages.get(finding.rule, "")} for finding in report.findings]
    return {
        "score": report.score,
        "counts": dict(report.counts),
        "left_out": report.left_out,
        "skipped": report.skipped,
        "findings": findings,
    }


def _text_of(source: str) -> str:
    if source.startswith(("http://", "https://")):
        message = f"{source} is an address."
        raise CLIError(message, hint="Fetch it first: curl ADDRESS | apim lint -")
    return sys.stdin.read() if source == "-" else read_text(Path(source), source)
