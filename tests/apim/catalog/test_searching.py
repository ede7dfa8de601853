"""Search of the catalogue, in the scripts people write, and what is noted of searches without a hit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.accounts.models import Organization
from apim.catalog.models import API, MissedSearch, SearchText
from apim.catalog.searching import find_apis, fold, is_found_in, pieces_of, save_missing_texts
from apim.catalog.services import publish_version, retire_version, save_revision, update_api
from apim.catalog.services.interest import MOST_TERMS, forget_missed_searches, note_missed_search
from apim.catalog.services.versions import deprecate_version
from apim.errors import Invalid
from tests.factories import catalog
from tests.factories.accounts import TESTER


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("payments", []),
        ("口座照会", ["口座", "照会"]),
        ("口座の照会", ["口座", "照会"]),
        ("一括振込", ["一括", "振込"]),
        ("為替レート", ["為替", "レート"]),
        ("计费接口文", ["计费", "接口文"]),
        ("계좌를", ["계좌"]),
        ("계좌조회는", ["계좌", "조회"]),
    ],
)  # fmt: skip
def test_terms_without_blanks_are_cut_where_words_mostly_begin(word: str, pieces: list[str]) -> None:
    assert pieces_of(word) == pieces


def test_compatible_forms_and_cases_are_one() -> None:
    assert fold("ＡＰＩ  ｶﾞｲﾄﾞ") == fold("api ガイド")  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("開発者ガイド", ("がいど", "ｶﾞｲﾄﾞ", "開発者がいど")),
        ("おためし環境", ("オタメシ", "ｵﾀﾒｼ", "おためし 環境")),
        ("サーバの一覧", ("サーバー", "さーばー", "ｻｰﾊﾞｰ", "サーバー一覧")),
        ("결제 API 안내", ("결제", "결제를", "ＡＰＩ")),  # noqa: RUF001
        ("支付网关 API", ("支付", "网关", "支付网关", "ａｐｉ")),  # noqa: RUF001
    ],
)  # fmt: skip
def test_words_are_found_however_they_are_written(text: str, words: tuple[str, ...]) -> None:
    assert [word for word in words if not is_found_in(text, word)] == []
    assert not is_found_in(text, "がいどぶっく")


def test_operations_are_found_by_the_same_rules() -> None:
    text = "GET /accounts 口座の残高を照会する 계좌 잔액 조회 查询账户余额 listAccounts"
    found = ("口座", "残高照会", "계좌잔액을", "账户", "余额查询", "ＧＥＴ　口座", "listaccounts")  # noqa: RUF001
    assert [words for words in found if not is_found_in(text, words)] == []
    assert [words for words in ("振込", "이체", "转账", "口座 振込", "delete") if is_found_in(text, words)] == []


def test_a_search_looks_through_names_words_tags_and_operations(acme: Organization) -> None:
    api = catalog.api(organization=acme, name="ledger", description="ノート。原帳簿を照会する。장부 조회. 账簿查询")
    update_api(api=api, changes={"tags": ["Accounting"], "category": "Finance"}, by=TESTER)
    version = catalog.draft(of=api)
    operations = [{"method": "GET", "path": "/entries", "summary": "List the journal"}]
    revision = save_revision(version=version, operations=operations, upstream=catalog.UPSTREAM, by=TESTER)
    publish_version(version=version, revision=revision, by=TESTER)
    found = ("LEDGER", "ledg entries", "accounting", "finance", "list journal", "/entries")
    found += ("ノート", "のーと", "ﾉｰﾄ", "帳簿", "帳簿照会", "原帳簿の", "장부", "장부를", "账簿", "账簿查询")
    assert [words for words in found if not find_apis(API.objects.all(), words).exists()] == []
    missed = ("ledger stars", "帳簿振込", "账户", "%", "_", "\\")
    assert [words for words in missed if find_apis(API.objects.all(), words).exists()] == []


def test_operations_of_a_version_that_is_over_are_not_found(acme: Organization) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    assert find_apis(API.objects.all(), "/accounts").exists()
    deprecate_version(version=version, deprecated_at=timezone.now(), by=TESTER)
    retire_version(version=version, by=TESTER)
    assert not find_apis(API.objects.all(), "/accounts").exists()


def test_what_was_loaded_without_an_index_is_indexed_later(acme: Organization) -> None:
    catalog.published(of=catalog.api(organization=acme, name="bank"))
    SearchText.objects.all().delete()
    assert not find_apis(API.objects.all(), "/accounts").exists()
    assert save_missing_texts() == 1
    assert save_missing_texts() == 0
    assert find_apis(API.objects.all(), "/accounts").exists()


def test_tags_are_few_short_and_told_apart(acme: Organization) -> None:
    api = catalog.api(organization=acme)
    update_api(api=api, changes={"tags": [" a  b ", "A B", "c"]}, by=TESTER)
    assert api.tags == ["a b", "c"]
    for tags in (["x" * 41], ["a,b"], [str(number) for number in range(13)], [1], "words"):
        with pytest.raises(Invalid):
            update_api(api=API.objects.get(), changes={"tags": tags}, by=TESTER)


@pytest.mark.django_db
def test_a_miss_is_counted_and_what_was_typed_on_the_way_is_not() -> None:
    for typed in ("ba", "ball", "balloons", "  Balloons"):
        note_missed_search(typed)
    note_missed_search("b")
    note_missed_search("株")
    assert set(MissedSearch.objects.values_list("term", "times")) == {("balloons", 2), ("株", 1)}


@pytest.mark.django_db
def test_a_flood_of_nonsense_fills_nothing_and_old_terms_are_forgotten() -> None:
    now = timezone.now()
    MissedSearch.objects.bulk_create(
        [MissedSearch(term=f"nonsense {number}", last_at=now - timedelta(days=91)) for number in range(MOST_TERMS)]
    )
    note_missed_search("balloons")
    assert MissedSearch.objects.count() == MOST_TERMS
    assert MissedSearch.objects.filter(term="balloons").exists()
    assert forget_missed_searches() == MOST_TERMS - 1
    note_missed_search("balloons")
    assert MissedSearch.objects.get().times == 2


@pytest.mark.django_db
def test_nonsense_never_pushes_out_what_people_look_for_again() -> None:
    now = timezone.now()
    MissedSearch.objects.bulk_create(
        [MissedSearch(term=f"wanted {number}", times=2, last_at=now) for number in range(MOST_TERMS)]
    )
    note_missed_search("nonsense")
    assert not MissedSearch.objects.filter(term="nonsense").exists()
