"""Sandbox keys: kept encrypted, shown again, known to gateways as nobody else's, forgotten when over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from apim.accounts.models import User
from apim.gateways.models import AccessRecord, Environment
from apim.onboarding.models import SandboxKey
from apim.onboarding.sandbox_keys import forget_expired, issue_key, text_of

pytestmark = pytest.mark.django_db


def records(environment: Environment) -> dict[str, object]:
    return {each.kind: each.body for each in AccessRecord.objects.filter(environment=environment)}


def test_a_key_can_be_shown_again_but_is_nowhere_in_the_clear(environment: Environment) -> None:
    key = issue_key(environment=environment)
    text = text_of(key)
    assert text.startswith("apim_sandbox_")
    kept = SandboxKey.objects.get()
    assert text_of(kept) == text
    assert text not in f"{kept.sealed} {kept.key_hash} {records(environment)}"
    assert kept.key_hash == settings.KEYRING.hash_secret(text)


def test_gateways_learn_an_application_of_its_own_that_opens_the_sandbox_alone(environment: Environment) -> None:
    key = issue_key(environment=environment)
    told = records(environment)
    assert told["credential"] == {
        "id": key.id,
        "application": key.id,
        "organization": "sandbox",
        "product": "sandbox",
        "state": "active",
        "expires_at": int(key.expires_at.timestamp()),
    }
    assert told["subscription"]["product"] == "sandbox"
    assert told["subscription"]["applications"] == [key.id]


def test_a_person_has_one_key_and_gets_another_when_it_is_nearly_over(
    environment: Environment, developer: User
) -> None:
    first = issue_key(environment=environment, user=developer)
    assert issue_key(environment=environment, user=developer) == first
    SandboxKey.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert issue_key(environment=environment, user=developer) != first
    assert SandboxKey.objects.count() == 1


def test_a_key_that_is_over_is_forgotten_everywhere(environment: Environment) -> None:
    issue_key(environment=environment)
    kept = issue_key(environment=environment)
    gone = SandboxKey.objects.exclude(id=kept.id).get()
    SandboxKey.objects.filter(id=gone.id).update(expires_at=timezone.now())
    assert forget_expired(timezone.now()) == 1
    assert list(SandboxKey.objects.all()) == [kept]
    left = AccessRecord.objects.exclude(body=None).exclude(kind="organization")
    assert {record.key for record in left} == {kept.id, kept.key_hash}
