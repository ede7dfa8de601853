"""How the last calls would be answered, in words."""

from __future__ import annotations

from typing import Any

from apim.cli.output import Output, note, print_rows


def tell_calls(calls: dict[str, Any] | None, form: Output) -> None:
    """How the last calls would be answered; nothing of a server that does not say."""
    if calls is None:
        return
    if not calls["compared"] and calls.get("is_cut_off"):
        note("The last calls were not compared: the database took too long to find them.")
    elif not calls["compared"]:
        note("No call of an application is in the log yet, so there is nothing to compare.")
    elif not calls["differing"]:
        note(f"The last {calls['compared']} calls would be answered as now.")
    else:
        said = f"{calls['differing']} of the last {calls['compared']} calls would"
        doubt = f" or might be answered differently: {calls['certain']} for sure."
        note(said + (" be answered differently." if calls["certain"] == calls["differing"] else doubt))
        if calls["groups"] is None:
            note("Which ones is told to a token with the scope usage:read.")
            return
        print_rows(calls["groups"], ("calls", "operation", "now", "then", "turns_on", "example"), form)
