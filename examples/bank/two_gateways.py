"""The bank with a gateway at its edge and one inside: mobile calls through the edge, trading calls accounts inside.

Run it beside script/up, logged in (`apim login`, or APIM_URL and APIM_TOKEN): python -m examples.bank.two_gateways
It goes on calling until Ctrl-C. What it set up stays, and the next run takes it up.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from apim.cli.client import Client, connect
from apim.cli.errors import CLIError

HERE = Path(__file__).resolve().parent
ACCOUNTS = "/bank/v1/accounts"
INSTRUMENTS = "/trading/v1/instruments"
INSIDE = "internal"
CREDENTIALS = "credentials.json"  # of a gateway that joined
STARTED_WITHIN_S = 120.0
PAUSE_S = 2.0  # between two calls of a customer, well within its plan
CALL_S = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway of a group listens; its admin door is at the next port."""

    group: str
    port: int
    home: Path

    @property
    def url(self) -> str:
        """Where callers reach it."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Customer:
    """Who calls accounts, through which gateway, with which key."""

    name: str
    application: str
    through: Place
    key: str


def main() -> int:
    """Set both gateways up, start them, and call through them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8090, help="the first of four ports on loopback")
    parser.add_argument(
        "--home", type=Path, default=Path.home() / ".apim" / "two-gateways", help="where they keep state"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready")
    options = parser.parse_args()
    places = [
        Place(group, options.port + 2 * number, options.home / group) for number, group in enumerate(("edge", INSIDE))
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        with ExitStack() as running, suppress(KeyboardInterrupt):
            _run(connect(), places, running, is_json=options.json)
    except CLIError as error:
        sys.stderr.write(f"two_gateways: {error}\n")
        return 1
    return 0


def _run(client: Client, places: list[Place], running: ExitStack, *, is_json: bool) -> None:
    """Ends by KeyboardInterrupt."""
    edge, inside = places
    _apply()
    for place in places:
        running.callback(_end, _start(client, place))
    for place in places:  # a version can be bound to a group that there is
        _wait_until((place.home / CREDENTIALS).exists, f"The gateway of group {place.group} does not join", place)
    client.post("/versions/trading:v1/groups", groups=[INSIDE])
    customers = [
        Customer("mobile", "shop", edge, _key(client, "shop")),
        Customer("trading", "trading-desk", inside, _key(client, "trading-desk")),
    ]
    for customer in customers:
        is_answered = partial(_is_answered, customer)
        _wait_until(is_answered, f"{customer.name} is not answered", customer.through)
    _tell(customers, is_json=is_json)
    while True:
        time.sleep(PAUSE_S)
        for customer in customers:
            status_of(customer.through.url + ACCOUNTS, customer.key)


def _apply() -> None:
    """Have trading subscribe to accounts."""
    command = (sys.executable, "-m", "apim.cli", "apply", "-f", str(HERE / "two-gateways.yaml"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise CLIError(done.stderr.strip(), hint="Is the bank example loaded? script/up does it, once.")


def _start(client: Client, place: Place) -> subprocess.Popen[bytes]:
    """The gateway, which joins when it never did."""
    place.home.mkdir(parents=True, exist_ok=True)
    variables = dict(os.environ)
    if not (place.home / CREDENTIALS).exists():
        issued = client.post("/join-tokens", name=f"bank-{place.group}", group=place.group)
        variables["APIM_JOIN_TOKEN"] = str(issued["token"])
    command = (
        sys.executable, "-m", "apim.cli", "gateway", "run", "--join", client.login.url, "--home", str(place.home),
        "--port", str(place.port), "--admin-port", str(place.port + 1), "--workers", "1",
    )  # fmt: skip
    with (place.home / "gateway.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _end(gateway: subprocess.Popen[bytes]) -> None:
    gateway.terminate()
    gateway.wait()


def _key(client: Client, application: str) -> str:
    """A fresh key, kept nowhere."""
    made: dict[str, Any] = client.post("/credentials", application=application, label="two_gateways")
    return str(made["key"])


def _is_answered(customer: Customer) -> bool:
    return status_of(customer.through.url + ACCOUNTS, customer.key) == 200  # noqa: PLR2004 - OK


def _wait_until(is_so: Callable[[], bool], otherwise: str, place: Place) -> None:
    began = time.monotonic()
    while not is_so():
        time.sleep(0.2)
        if time.monotonic() - began > STARTED_WITHIN_S:
            message = f"{otherwise}."
            raise CLIError(message, hint=f"See {place.home / 'gateway.log'}.")


def status_of(url: str, key: str) -> int:
    """The status that a call with the key is answered with; 0 when nobody answers."""
    request = urllib.request.Request(url, headers={"X-API-Key": key})  # noqa: S310 - our own gateways
    try:
        with urllib.request.urlopen(request, timeout=CALL_S) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _tell(customers: list[Customer], *, is_json: bool) -> None:
    edge, inside = (each.through for each in customers)
    lines = [
        *(f"{each.name} calls {each.through.url}{ACCOUNTS}, by group {each.through.group}" for each in customers),
        f"trading is served inside only: {edge.url}{INSTRUMENTS} is 404, {inside.url}{INSTRUMENTS} wants a key",
        "Ctrl-C ends both gateways.",
    ]
    if is_json:
        lines = [json.dumps({each.name: {"url": each.through.url, "key": each.key} for each in customers})]
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
