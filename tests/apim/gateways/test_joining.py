"""Gateways of other hosts: let in once by a token, and removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid
from apim.gateways.joining import issue_join_token, join, remove_gateway, withdraw_join_token
from apim.gateways.models import Environment, Gateway, JoinToken
from apim.gateways.services import authenticate_gateway
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.django_db

NONCE = "n" * 32


def test_a_token_lets_one_gateway_in_with_credentials_of_its_own(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    joined = join(secret=issued.secret, nonce=NONCE)
    assert joined is not None
    assert (joined.gateway.name, joined.gateway.environment) == ("eu-1", environment)
    assert authenticate_gateway(joined.token) == joined.gateway
    assert authenticate_gateway(issued.secret) is None


def test_a_used_token_lets_nobody_else_in(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    joined = join(secret=issued.secret, nonce=NONCE)
    assert joined is not None
    assert join(secret=issued.secret, nonce="o" * 32) is None
    assert authenticate_gateway(joined.token) == joined.gateway


def test_who_lost_its_answer_may_ask_again_and_the_lost_one_is_void(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    first = join(secret=issued.secret, nonce=NONCE)
    second = join(secret=issued.secret, nonce=NONCE)
    assert first is not None
    assert second is not None
    assert second.gateway == first.gateway
    assert authenticate_gateway(first.token) is None
    assert authenticate_gateway(second.token) == first.gateway


def test_asking_again_ends_after_ten_minutes(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    join(secret=issued.secret, nonce=NONCE)
    JoinToken.objects.update(used_at=timezone.now() - timedelta(minutes=11))
    assert join(secret=issued.secret, nonce=NONCE) is None


@pytest.mark.parametrize("fate", ["expired", "withdrawn", "replaced"])
def test_a_void_token_lets_nobody_in(environment: Environment, fate: str) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    if fate == "expired":
        JoinToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif fate == "withdrawn":
        withdraw_join_token(token=issued.token, by=TESTER)
    else:
        issue_join_token(environment=environment, name="eu-1", by=TESTER)
    assert join(secret=issued.secret, nonce=NONCE) is None
    assert not Gateway.objects.exists()


@pytest.mark.parametrize("secret", ["", "apimjoin_made-up", "apimgw_made-up"])
def test_what_is_no_token_lets_nobody_in(environment: Environment, secret: str) -> None:
    issue_join_token(environment=environment, name="eu-1", by=TESTER)
    assert join(secret=secret, nonce=NONCE) is None


def test_a_name_that_is_taken_is_refused_when_asked_and_when_joining(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    enrolled_gateway(environment=environment, name="eu-1")
    with pytest.raises(Conflict, match="There is a gateway named eu-1"):
        issue_join_token(environment=environment, name="eu-1", by=TESTER)
    with pytest.raises(Conflict, match="There is a gateway named eu-1"):
        join(secret=issued.secret, nonce=NONCE)


def test_a_name_that_is_none_is_refused(environment: Environment) -> None:
    with pytest.raises(Invalid):
        issue_join_token(environment=environment, name="eu 1", by=TESTER)


def test_a_removed_gateway_is_known_no_more_and_its_name_is_free(environment: Environment) -> None:
    enrolled = enrolled_gateway(environment=environment, name="eu-1")
    remove_gateway(gateway=enrolled.gateway, by=TESTER)
    assert authenticate_gateway(enrolled.token) is None
    assert issue_join_token(environment=environment, name="eu-1", by=TESTER)


def test_a_gateway_removed_right_after_it_joined_does_not_come_back_by_asking_again(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    joined = join(secret=issued.secret, nonce=NONCE)
    assert joined is not None
    remove_gateway(gateway=joined.gateway, by=TESTER)
    assert join(secret=issued.secret, nonce=NONCE) is None
    assert not Gateway.objects.exists()


def test_a_token_that_was_used_meanwhile_is_not_told_as_withdrawn(environment: Environment) -> None:
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    join(secret=issued.secret, nonce=NONCE)
    withdraw_join_token(token=issued.token, by=TESTER)
    assert not AuditEvent.objects.filter(action="gateway.join_token_withdraw").exists()
    assert join(secret=issued.secret, nonce=NONCE) is not None


def test_the_audit_log_tells_all_and_no_secret(environment: Environment, admin: User) -> None:
    assert admin.is_platform_admin
    issued = issue_join_token(environment=environment, name="eu-1", by=TESTER)
    joined = join(secret=issued.secret, nonce=NONCE)
    assert joined is not None
    remove_gateway(gateway=joined.gateway, by=TESTER)
    events = AuditEvent.objects.filter(action__startswith="gateway.").order_by("id")
    assert [event.action for event in events] == ["gateway.join_token_issue", "gateway.enroll", "gateway.remove"]
    told = str([(event.before, event.after) for event in events])
    assert issued.secret not in told
    assert joined.token not in told


@pytest.mark.postgresql  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_of_two_gateways_of_one_name_that_join_at_one_instant_one_is_told_why_not(environment: Environment) -> None:
    other = Environment.objects.create(name="other")
    secrets = [issue_join_token(environment=environment, name="eu-1", by=TESTER).secret]
    JoinToken.objects.update(name="eu-2")  # or the second would void it
    secrets.append(issue_join_token(environment=other, name="eu-1", by=TESTER).secret)
    JoinToken.objects.update(name="eu-1")

    def join_too() -> str:
        try:
            join(secret=secrets[1], nonce="o" * 32)
        except Conflict as refusal:
            return refusal.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert join(secret=secrets[0], nonce=NONCE)
            second = pool.submit(join_too)
            wait_until(_somebody_waits, "the second waits for the first")
        assert second.result(PATIENCE_S) == "gateways.name_taken"
    assert Gateway.objects.get().environment == environment


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])
