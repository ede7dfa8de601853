"""What script/up runs before it says ready: migrations, the embedded gateway, the admin, the example."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from apim.documents import installation
from apim.documents.schema import migrate_schema
from apim.errors import DomainError
from apim.gateways.services import default_environment


class Command(BaseCommand):
    """Prints one line of JSON: set_up_url, token, key, example_url; each is "" when there is none."""

    requires_system_checks = ()  # a start must be quick, and script/lint ran them
    help = "Migrate, enroll the embedded gateway, make the admin and load the example. Started by script/up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where things are and what is wanted."""
        parser.add_argument(
            "--credentials", type=Path, required=True, help="file for the embedded gateway's credentials"
        )
        parser.add_argument(
            "--another-gateway",
            type=_name_and_path,
            action="append",
            default=[],
            metavar="NAME=FILE",
            help="one more gateway beside this control plane, and the file for its credentials; may be repeated",
        )
        parser.add_argument("--control-url", required=True, help="where the embedded gateway reaches the web process")
        parser.add_argument("--gateway-url", required=True, help="where callers reach the embedded gateway")
        parser.add_argument("--example", type=Path, help="documents to load at the first start")
        parser.add_argument(
            "--example-port", type=int, default=installation.EXAMPLE_PORT, help="of the first sample service"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="issue an API token and a key, and revoke the last ones"
        )

    def handle(self, **options: Any) -> None:
        """Do it; each step leaves alone what is there already."""
        try:
            migrate_schema()
            self.stdout.write(json.dumps(_prepare(options)))
        except OperationalError as error:
            message = f"The database cannot be used: {str(error).strip().splitlines()[0]}"
            raise CommandError(message) from error
        except DomainError as error:
            raise CommandError(f"{error} {error.hint}".strip()) from error


def _name_and_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        message = f"{text} is not NAME=FILE, such as second=/data/second/credentials.json."
        raise ArgumentTypeError(message)
    return name, Path(path)


def _prepare(options: dict[str, Any]) -> dict[str, str | int]:
    for name, path in ((installation.GATEWAY_NAME, options["credentials"]), *options["another_gateway"]):
        installation.enroll_embedded_gateway(
            path=path, control_url=options["control_url"], gateway_url=options["gateway_url"], name=name
        )
    set_up_url = installation.make_admin(
        email=settings.ENV.admin_email, password=settings.ENV.admin_password, base_url=settings.BASE_URL
    )
    is_loaded = False
    if options["example"]:
        is_loaded = installation.load_example(path=options["example"], port=options["example_port"])
    is_fresh = options["fresh"]
    return {
        "set_up_url": set_up_url,
        "token": installation.issue_start_token() if is_fresh else "",
        "key": installation.issue_example_key(is_fresh=is_fresh) if is_loaded else "",
        "example_url": options["gateway_url"] + installation.EXAMPLE_PATH if is_loaded else "",
        "access_seq": default_environment().access_seq,
    }
