"""Texts of mails in the console: written anew, refused where they would not help, tried, and undone."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.mails.models import MailText
from apim.notifications.models import Message
from apim.notifications.posting import post
from tests.factories.accounts import user

pytestmark = pytest.mark.django_db

LIST = "/console/admin/mails"
PAGE = f"{LIST}/billing.still_waits"
VALUES = {"product": "Bank", "link": "https://apis.example.com/pay"}


@pytest.fixture
def person() -> User:
    return user("root@example.com", is_platform_admin=True)


@pytest.fixture
def admins(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_a_text_written_anew_is_what_readers_of_its_language_get(admins: Client) -> None:
    japanese = user("ana@example.com")
    User.objects.filter(pk=japanese.pk).update(language="ja")
    words = {
        "subject": "{product}\u306e\u304a\u652f\u6255\u3044",
        "body": "**{product}**\n\n[Pay]({link})",
        "save": "1",
    }
    assert admins.post(f"{PAGE}?language=ja", words).status_code == 302
    post("billing.still_waits", to=["ana@example.com", "ben@example.com"], values=VALUES)
    theirs, other = Message.objects.get(to="ana@example.com"), Message.objects.get(to="ben@example.com")
    assert theirs.subject == "Bank\u306e\u304a\u652f\u6255\u3044"
    assert "<strong>Bank</strong>" in theirs.html
    assert 'href="https://apis.example.com/pay"' in theirs.html
    assert other.subject == "Bank still waits for your payment"
    assert AuditEvent.objects.filter(action="mail_text.set").exists()
    listed = admins.get(LIST).content.decode()
    assert "\u65e5\u672c\u8a9e" in listed[listed.index("<tbody>") :]


@pytest.mark.parametrize(
    ("subject", "body", "words"),
    [
        ("{product}", "{link} {password}", "There is no {password} in this mail. It knows {product}, {link}."),
        ("{produkt}", "{link}", "There is no {produkt}"),
        ("{product}", "Pay soon.", "must hold {link}"),
        ("Hello\x0bBcc: all@example.org", "{link}", "one line"),
        ("{product} \u202e", "{link}", "one line"),
        ("x" * 201, "{link}", "200"),
        ("", "{link}", "required"),
    ],
)
def test_a_text_that_would_not_help_is_refused_in_words(admins: Client, subject: str, body: str, words: str) -> None:
    answer = admins.post(PAGE, {"subject": subject, "body": body, "save": "1"})
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert not MailText.objects.exists()


def test_a_preview_keeps_nothing_and_a_test_goes_to_oneself_alone(admins: Client, person: User) -> None:
    words = {"subject": "Pay {product}", "body": "<script>x</script> {link}"}
    shown = admins.post(PAGE, words | {"preview": "1"}).content.decode()
    assert "<strong>Pay Bank accounts</strong>" in shown
    assert "<script>x" not in shown
    assert not MailText.objects.exists()
    admins.post(PAGE, words | {"test": "1"})
    message = Message.objects.get()
    assert (message.to, message.subject) == (person.email, "Test: Pay Bank accounts")


def test_the_built_in_text_comes_back_after_a_yes(admins: Client) -> None:
    admins.post(PAGE, {"subject": "Pay", "body": "{link}", "save": "1"})
    assert "Written anew" in admins.get(PAGE).content.decode()
    assert "is deleted" in admins.get(f"{PAGE}/reset").content.decode()
    assert admins.post(f"{PAGE}/reset").status_code == 302
    assert not MailText.objects.exists()
    assert "The page of payment for {product} has run out" in admins.get(PAGE).content.decode()


def test_a_kind_that_does_not_exist_has_no_page(admins: Client) -> None:
    assert admins.get(f"{LIST}/billing.nothing").status_code == 404


def test_the_list_costs_the_same_however_many_were_written(
    admins: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    admins.get(LIST)
    with django_assert_max_num_queries(15) as few:
        admins.get(LIST)
    for kind in ("billing.unpaid", "access.key_ends", "billing.alarm"):
        for language in ("en", "ja"):
            MailText.objects.create(kind=kind, language=language, subject="x", body="y")
    with django_assert_num_queries(len(few)):
        admins.get(LIST)
