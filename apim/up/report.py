"""What a person, or the program that asked for --json, reads of a start."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TextIO

from apim.up.options import Options
from apim.up.preparation import Prepared

KEY_HEADER = "X-API-Key"


@dataclass(frozen=True, slots=True)
class Report:
    """Where progress goes: standard error when standard output is for the one line of JSON."""

    options: Options
    out: TextIO

    def say(self, text: str) -> None:
        """One line of progress."""
        print(f"  {text}", file=self.out, flush=True)

    def title(self, text: str) -> None:
        """A line that stands out."""
        print(self._bold(text), file=self.out, flush=True)

    def ready(self, prepared: Prepared, seconds: float) -> None:
        """Everything runs: the line of JSON, or the addresses and two calls to try."""
        if self.options.is_json:
            print(json.dumps(ready_line(self.options, prepared)), flush=True)
            self.say(f"ready in {seconds:.1f} s")
            return
        options = self.options
        rows = [
            ("portal", options.web_url),
            ("console", f"{options.web_url}/console"),
            ("REST API", f"{options.web_url}/api/v1"),
            ("gateway", options.gateway_url),
            ("gateway's state", f"{options.gateway_admin_url}/status"),
            ("data, logs", f"{options.home}, {options.home / 'logs'}"),
        ]
        if options.stripe_port:
            rows.append(("test payments", f"{options.stripe_url} stands in for Stripe: no money moves"))
        self.title(f"\nReady in {seconds:.1f} s. Ctrl-C ends everything; nothing is lost.")
        for name, value in rows:
            print(f"  {name:<16} {value}", file=self.out)
        if prepared.set_up_url:
            self.title("\nMake the admin account (the link works once):")
            print(f"  {prepared.set_up_url}", file=self.out)
        if prepared.example_url:
            self._calls(prepared)
        self.out.flush()

    def _calls(self, prepared: Prepared) -> None:
        key = prepared.key or "$KEY"
        self.title("\nA call that answers 200, and one without a key that answers 401:")
        print(f"  curl -i -H '{KEY_HEADER}: {key}' {prepared.example_url}", file=self.out)
        print(f"  curl -i {prepared.example_url}", file=self.out)
        if not prepared.key:
            print("  (keys are shown once; `apim keys create --app shop` makes another)", file=self.out)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.out.isatty() else text


def open_report(options: Options) -> Report:
    """The report of this start."""
    return Report(options, sys.stderr if options.is_json else sys.stdout)


def ready_line(options: Options, prepared: Prepared) -> dict[str, object]:
    """What --json prints."""
    example = {"url": prepared.example_url, "key": prepared.key} if prepared.example_url and prepared.key else None
    return {
        "web": options.web_url,
        "gateway": options.gateway_url,
        "gateway_admin": options.gateway_admin_url,
        "token": prepared.token,
        "example": example,
        "test_stripe": options.stripe_url if options.stripe_port else None,
    }
