"""`python -m benchmarks.herd_program`: builds what a herd of gateways asks for, or changes it; tells it as JSON.

It works on the database that DATABASE_URL names, which must be empty.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time

import django

django.setup()

from django.conf import settings  # noqa: E402 - models want Django to be set up
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from apim.access.models import Application, Credential, Subscription  # noqa: E402
from apim.access.records import Affected, emit  # noqa: E402
from apim.accounts.models import Organization  # noqa: E402
from apim.gateways.joining import gateway_credentials  # noqa: E402
from apim.gateways.models import AccessRecord, Environment, Gateway  # noqa: E402
from apim.gateways.services import AccessChange, append_access, default_environment, touch  # noqa: E402
from benchmarks import pages_data  # noqa: E402
from gateway_sync.delivery.models import Fragment, Publication  # noqa: E402
from gateway_sync.delivery.services import publish, publish_access  # noqa: E402


def main() -> int:
    """Build, publish, enroll, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--apis", type=int, default=1)
    parser.add_argument("--applications", type=int, default=1)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--revoke", action="store_true", help="one key of what was built before")
    parser.add_argument("--beside", action="store_true", help="what is there already, and without gateways")
    arguments = parser.parse_args()
    if arguments.revoke:
        print(json.dumps({"access_seq": _revoke(default_environment())}))
        return 0
    call_command("migrate", verbosity=0)
    if not (arguments.beside or pages_data.is_fresh()):
        print("This database has data: name an empty one.", file=sys.stderr)
        return 1
    environment = default_environment()
    size = pages_data.Size(arguments.apis, arguments.applications)
    with transaction.atomic():
        pages_data.build_market(size, environment, random.Random(6))  # noqa: S311 - the same data each time
        emit(
            Affected(
                Organization.objects.all(), Application.objects.all(),
                Subscription.objects.all(), Credential.objects.all(),
            )
        )  # fmt: skip
    began = time.perf_counter()
    touch([environment.id])
    publish(environment.id)
    told = {"publish_s": round(time.perf_counter() - began, 2), **_sizes(environment)}
    print(json.dumps({**told, "credentials": [] if arguments.beside else _enroll(environment, arguments.gateways)}))
    return 0


def _revoke(environment: Environment) -> int:
    """Publish that one key is gone; the number of that record."""
    key = AccessRecord.objects.filter(environment=environment, kind="credential").order_by("seq")[0]
    append_access(environment_id=environment.id, changes=[AccessChange(key.kind, key.key, None)])
    return publish_access(environment.id)


def _sizes(environment: Environment) -> dict[str, int]:
    manifest = Publication.objects.filter(environment=environment)[0].manifest
    environment.refresh_from_db()
    return {
        "fragments": len(manifest["fragments"]),
        "fragment_bytes": sum(len(body.encode()) for body in Fragment.objects.values_list("body", flat=True)),
        "manifest_bytes": len(json.dumps(manifest)),
        "access_records": environment.access_seq,
    }


def _enroll(environment: Environment, number: int) -> list[dict[str, str]]:
    """Credentials of gateways; rows at once, because enrolling one by one is not what is measured."""
    tokens = [f"apimgw_herd{number_:04}{'x' * 40}" for number_ in range(number)]
    Gateway.objects.bulk_create(
        Gateway(environment=environment, name=f"herd-{n}", token_hash=settings.KEYRING.hash_secret(token))
        for n, token in enumerate(tokens)
    )
    return [gateway_credentials(environment, token) for token in tokens]


if __name__ == "__main__":
    sys.exit(main())
