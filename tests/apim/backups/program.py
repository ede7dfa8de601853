"""An installation with an object of every kind, money among them: `python -m tests.apim.backups.program`."""

from __future__ import annotations

import sys

import django

django.setup()

from django.utils import timezone  # noqa: E402 - models need set-up Django

from apim.gateways.services import default_environment  # noqa: E402 - models need set-up Django
from apim.usage.models import RecordFile  # noqa: E402
from gateway_sync.delivery.models import Publication  # noqa: E402
from gateway_sync.delivery.services import publish  # noqa: E402
from tests.factories import accounts  # noqa: E402
from tests.permissions.world import ROLES, build  # noqa: E402


def main() -> None:
    """Make it in the database of the environment, which is migrated and has no rows."""
    acme, initech, globex = (accounts.organization(name=name) for name in ("acme", "initech", "globex"))
    people = (
        None,
        accounts.registered("stranger@example.net"),
        accounts.member(initech, "dev@initech.example"),
        accounts.member(globex, "owner@globex.example", role="owner"),
        accounts.member(acme, "owner@acme.example", role="owner"),
        accounts.user("admin@example.com", is_platform_admin=True),
    )
    environment = default_environment()
    build(environment, acme, initech, dict(zip(ROLES, people, strict=True)))
    Publication.objects.all().delete()  # the one of that world is for pages only: no gateway could serve it
    publish(environment.pk)
    now = timezone.now()
    for name in sys.argv[1:]:  # files of records that are noted
        RecordFile.objects.create(name=name, first_at=now, last_at=now, records=1, bytes=4, made_at=now)


if __name__ == "__main__":
    main()
