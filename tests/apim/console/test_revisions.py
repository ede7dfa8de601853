"""Going back to a revision: what is refused says why, and shows no button."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apim.accounts.models import Organization, User
from apim.gateways.services import default_environment
from tests.factories import catalog

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]


def test_the_revision_that_runs_cannot_be_run_again(log_in: LogIn, acme: Organization, owner: User) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    number = version.deployments.get().revision.number
    client, url = log_in(owner), f"/console/apis/bank/versions/v1/rollback/{number}"

    page = client.get(url).content.decode()
    assert f"Revision {number} of bank v1 runs in {default_environment()} already." in page
    assert "Roll back" not in page
    assert 'href="/console/apis/bank/versions/v1/revisions"' in page

    sent = client.post(url)
    assert (sent.status_code, b"already." in sent.content) == (409, True)


def test_a_version_that_does_not_run_has_nothing_to_go_back_from(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    version = catalog.draft(of=catalog.api(organization=acme, name="bank"))
    page = (
        log_in(owner).get(f"/console/apis/bank/versions/v1/rollback/{version.revisions.get().number}").content.decode()
    )
    assert f"bank v1 does not run in {default_environment()}." in page
    assert "Roll back" not in page
