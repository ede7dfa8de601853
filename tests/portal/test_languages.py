"""The language of pages, mails and notices: who reads chooses, and programs are answered the same everywhere."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext_lazy

from apim.accounts.models import User
from apim.accounts.services import actor_of, choose_language
from apim.audit.models import AuditEvent
from apim.notifications.models import Notification
from apim.notifications.notices import tell
from apim.ui.language import filled
from tests.conftest import LogIn

COOKIE = settings.LANGUAGE_COOKIE_NAME


def language_of(client: Client, path: str = "/", asked: str = "") -> str:
    page = client.get(path, headers={"accept-language": asked} if asked else None).content.decode()
    return page.partition('<html lang="')[2].partition('"')[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("ja,en;q=0.8", "ja"),
        ("ko-KR", "ko"),
        ("zh-CN,zh;q=0.9", "zh-hans"),
        ("fr, ja;q=0.5", "ja"),
        ("xx", "en"),
    ],
)
def test_a_visitor_reads_what_the_browser_asks_for(client: Client, asked: str, language: str) -> None:
    assert language_of(client, asked=asked) == language
    assert translation.get_language() == settings.LANGUAGE_CODE, "the next request of this thread begins anew"


@pytest.mark.django_db
def test_what_a_visitor_chooses_stays_in_the_browser(client: Client) -> None:
    answer = client.post("/language", {"language": "ko", "next": "/pricing"})
    assert answer["Location"] == "/pricing"
    assert client.cookies[COOKIE]["httponly"]
    assert language_of(client, asked="ja") == "ko"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["fr", "", '"><script>', "zh-hant"])
def test_a_language_that_pages_do_not_speak_is_not_chosen(client: Client, language: str) -> None:
    client.post("/language", {"language": language, "next": "/"})
    assert COOKIE not in client.cookies
    client.cookies[COOKIE] = language
    assert language_of(client) in {"en", "zh-hans"}


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_choice_leads_nowhere_else(client: Client, target: str) -> None:
    assert client.post("/language", {"language": "ja", "next": target})["Location"] == "/"
    assert client.get("/language").status_code == 405


def test_the_choice_of_an_account_goes_with_it_and_is_in_the_audit_log(log_in: LogIn, developer: User) -> None:
    log_in(developer).post("/language", {"language": "ja", "next": "/my"})
    developer.refresh_from_db()
    assert developer.language == "ja"
    assert AuditEvent.objects.filter(action="user.update", target_id=developer.pk).count() == 1
    elsewhere = Client()
    elsewhere.force_login(developer)
    elsewhere.cookies[COOKIE] = "ko"
    assert language_of(elsewhere, "/my/settings", asked="zh-CN") == "ja"
    assert "設定" in elsewhere.get("/my/settings").content.decode()


@pytest.mark.django_db
def test_pages_say_which_language_they_are_in_and_what_it_depends_on(client: Client) -> None:
    answer = client.get("/", headers={"accept-language": "ja"})
    assert answer["Content-Language"] == "ja"
    assert {"accept-language", "cookie"} <= {each.strip().lower() for each in answer["Vary"].split(",")}


def test_pages_of_an_account_are_for_no_cache_that_others_share(client: Client, log_in: LogIn, developer: User) -> None:
    assert "Cache-Control" not in client.get("/")
    assert log_in(developer).get("/")["Cache-Control"] == "private"


def test_programs_are_answered_in_english(client: Client) -> None:
    answer = client.get("/api/v1/apis", headers={"accept-language": "ja"})
    assert answer.status_code == 401
    assert answer.content.isascii()
    assert "Content-Language" not in answer


@pytest.mark.django_db
@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
@pytest.mark.parametrize("path", ["/", "/pricing", "/problems", "/account/login/", "/account/signup/", "/nothing-here"])
def test_every_language_is_offered_by_its_own_name(client: Client, path: str, language: str) -> None:
    client.cookies[COOKIE] = language
    page = client.get(path).content.decode()
    assert [name for _, name in settings.LANGUAGES if f">{name}</button>" not in page] == []


@pytest.mark.django_db
def test_who_signs_up_keeps_the_language_of_the_page(client: Client) -> None:
    form = {"email": "aiko@example.jp", "password1": "correct-horse-9"}
    client.post("/account/signup/", form, headers={"accept-language": "ja"})
    Client().post("/account/signup/", form | {"email": "ann@example.com"})
    assert dict(User.objects.values_list("email", "language")) == {"aiko@example.jp": "ja", "ann@example.com": ""}


def test_a_notice_is_told_to_each_in_the_language_of_the_account(developer: User, stranger: User) -> None:
    choose_language(user=developer, language="ja", by=actor_of(developer))
    title = filled(gettext_lazy("A key of %(application)s was found in public"), {"application": "shop"})
    with translation.override("ko"):  # whoever caused it reads another language
        tell(user_ids=[developer.pk, stranger.pk], kind="key", cause="key.leaked:1", title=title)
    told = dict(Notification.objects.values_list("user_id", "title"))
    assert told == {
        developer.pk: "shopのキーが公開の場所で見つかりました",
        stranger.pk: "A key of shop was found in public",
    }


def test_a_notice_is_read_in_the_language_that_its_reader_has_by_then(log_in: LogIn, developer: User) -> None:
    title = filled(gettext_lazy("A key of %(application)s was found in public"), {"application": "shop"})
    tell(user_ids=[developer.pk], kind="key", cause="key.leaked:1", title=title)
    tell(user_ids=[developer.pk], kind="announcement", cause="announcement:1", title="An owner's words", text="Theirs")
    Notification.objects.create(user=developer, kind="key", cause="old", title="Of an earlier release")
    client = log_in(developer)
    assert "A key of shop was found in public" in client.get("/my/notifications").content.decode()
    choose_language(user=developer, language="ja", by=actor_of(developer))
    page = client.get("/my/notifications").content.decode()
    assert "A key of shop" not in page
    assert [
        words for words in ("キーが公開の場所", "words", "Theirs", "Of an earlier release") if words not in page
    ] == []
