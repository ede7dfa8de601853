"""Busy processes of the control plane, all at once: `python -m tests.fault.writers SECONDS` on an empty database.

Prints how many writes each role finished, as JSON; any error ends it with a traceback. The processes are copies of
one: to start six would take longer than what they are to do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import count

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - models need set-up Django
from django.db import connections  # noqa: E402

from apim.access.services import create_application, create_credential  # noqa: E402
from apim.accounts.models import Organization  # noqa: E402
from apim.accounts.services import create_organization  # noqa: E402
from apim.audit.actor import system_actor  # noqa: E402
from apim.gateways.models import Gateway  # noqa: E402
from apim.gateways.services import default_environment, enroll_gateway, touch  # noqa: E402
from gateway_sync.delivery.services import publish  # noqa: E402
from tests.factories.usage import batch, event, ingest  # noqa: E402

BATCH = 200


def write_as_web(name: str) -> Callable[[int], None]:
    """Makes an application with a key, as a developer's form does."""
    organization, by = Organization.objects.get(), system_actor(name)

    def write(number: int) -> None:
        application = create_application(organization=organization, name=f"{name}-{number}", by=by)
        create_credential(application=application, by=by)

    return write


def publish_changes(_name: str) -> Callable[[int], None]:
    """Changes the environment and publishes it."""
    environment = default_environment()

    def write(_number: int) -> None:
        touch([environment.id])
        publish(environment.id)

    return write


def take_in(name: str) -> Callable[[int], None]:
    """Takes in a batch of usage."""
    gateway = Gateway.objects.get()

    def write(number: int) -> None:
        first, now = number * BATCH + 1, datetime.now(UTC)
        ingest(gateway=gateway, batch=batch(*(event(first + i, at=now) for i in range(BATCH)), boot=name))

    return write


ROLES = {"web": write_as_web, "publishing": publish_changes, "ingest": take_in}
WRITERS = (("web", 0), ("web", 1), ("web", 2), ("publishing", 0), ("ingest", 0), ("ingest", 1))


def prepare() -> None:
    """Make what they write about."""
    call_command("migrate", verbosity=0)
    by = system_actor("test")
    create_organization(name="acme", display_name="Acme", by=by, is_default=True)
    enroll_gateway(environment=default_environment(), name="embedded", by=by)
    connections.close_all()  # none is for the copies of this process


def write_until_over(role: str, number: int, seconds: float) -> int:
    """The writes that one of them finished in its time, one at least."""
    write, end = ROLES[role](f"{role}-{number}"), time.monotonic() + seconds
    for done in count():
        if done and time.monotonic() >= end:
            return done
        write(done)
    raise AssertionError


def main(seconds: float) -> None:
    """All of them, each in a process."""
    prepare()
    done: Counter[str] = Counter()
    with ProcessPoolExecutor(len(WRITERS), multiprocessing.get_context("fork")) as pool:
        running = [(role, pool.submit(write_until_over, role, number, seconds)) for role, number in WRITERS]
        for role, writer in running:
            done[role] += writer.result()
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main(float(sys.argv[1]))
