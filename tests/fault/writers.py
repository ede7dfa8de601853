"""One busy process of the control plane: `python -m tests.fault.writers web|publishing|ingest NUMBER SECONDS`.

Prints how many writes it finished as its only line; any error ends it with a traceback.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apim.config.settings")
django.setup()

from apim.access.services import create_application, create_credential  # noqa: E402 - models need set-up Django
from apim.accounts.models import Organization  # noqa: E402
from apim.audit.actor import system_actor  # noqa: E402
from apim.gateways.models import Gateway  # noqa: E402
from apim.gateways.services import default_environment, touch  # noqa: E402
from apim.usage.services import ingest  # noqa: E402
from gateway_sync.delivery.services import publish  # noqa: E402
from tests.factories.usage import batch, event  # noqa: E402

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


def main(role: str, number: str, seconds: str) -> None:
    """Write until the time is over, once at least."""
    write, end = ROLES[role](f"{role}-{number}"), time.monotonic() + float(seconds)
    for done in count():
        if done and time.monotonic() >= end:
            print(done)
            return
        write(done)


if __name__ == "__main__":
    main(*sys.argv[1:])
