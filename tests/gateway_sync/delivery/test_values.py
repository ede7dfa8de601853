"""Where two values differ: each place by itself, both sides as people read them, and no secret on either."""

from __future__ import annotations

import pytest

from gateway_sync.delivery.values import HIDDEN, Place, places

TARGET = {"scheme": "http", "host": "10.0.0.1", "port": 80, "base_path": "/v1", "weight": 0, "priority": 0, "arm": ""}
LONG = "word " * 60


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param({"max": 1}, {"max": 2}, [Place(("max",), "1", "2")], id="number"),
        pytest.param({"max": 1}, {"max": 1}, [], id="same"),
        pytest.param({}, {"a": {"b": "x", "c": True}}, [("a b", "", "x"), ("a c", "", "true")], id="new"),
        pytest.param(
            {"quotas": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]},
            {"quotas": [{"name": "b", "n": 3}, {"name": "a", "n": 1}]},
            [("quotas b n", "2", "3")],
            id="named_in_a_list",
        ),
        pytest.param(
            {"operations": [["GET /a", {"schema": '{"maximum": 100, "type": "integer"}'}]]},
            {"operations": [["GET /a", {"schema": '{"maximum": 50, "type": "integer"}'}]]},
            [("operations GET /a schema maximum", "100", "50")],
            id="document",
        ),
        pytest.param(
            {"targets": [TARGET]},
            {"targets": [TARGET | {"host": "::1"}]},
            [("targets", "http://10.0.0.1:80/v1", "http://[::1]:80/v1")],
            id="target",
        ),
        pytest.param(
            {"words": [f"word-{n}-{LONG[:20]}" for n in range(20)]},
            {"words": [f"word-{n}-{LONG[:20]}" for n in range(19)] + ["other"]},
            [("words", f'["word-19-{LONG[:20]}"]', '["other"]')],
            id="long_list",
        ),
    ],
)
def test_each_place_is_told_by_itself(before: object, after: object, told: list[tuple[str, str, str]]) -> None:
    found = [(" ".join(each.path), each.before, each.after) for each in places(before, after)]
    assert found == [(" ".join(each[0]) if isinstance(each, Place) else each[0], each[1], each[2]) for each in told]


def test_of_long_texts_the_part_that_differs_is_shown() -> None:
    ((_path, before, after),) = places({"body": LONG + "old" + LONG}, {"body": LONG + "new" + LONG})
    assert "old" in before
    assert "new" in after
    assert max(len(before), len(after)) < len(LONG)


def test_many_new_parts_are_named_once() -> None:
    ((path, before, after),) = places({"operations": None}, {"operations": {f"GET /{n}": {"x": n} for n in range(40)}})
    assert (path, before) == (("operations",), "")
    assert after.endswith("+28")


@pytest.mark.parametrize(
    "secret",
    [
        {"set": {"Authorization": "Bearer open-sesame"}},
        {"set": {"Authorization": "open {caller.application}"}},
        {"add": {"X-Api-Key": "k1"}},
        {"set": {"X-Partner": "9f8e7d6c5b4a39281706f5e4"}},
        {"set": {"X-Auth": "sesame"}},
        {"set": {"X-Pass": "sesame"}},
        {"clientSecret": "open-sesame"},
        {"url": "https://user:open-sesame@example.com/"},
    ],
    ids=["bearer", "template", "key", "opaque", "auth", "pass", "setting", "url"],
)
@pytest.mark.parametrize("other", [None, {"set": {"X-Plain": "1"}}], ids=["nothing", "another"])
def test_secrets_are_told_of_and_not_shown(secret: dict[str, object], other: object) -> None:
    for before, after in ((secret, other), (other, secret)):
        found = list(places(before, after))
        assert any(HIDDEN in (each.before, each.after) for each in found)
        assert not any(each in str(found) for each in ("sesame", "k1", "9f8e"))


def test_what_only_names_a_placeholder_is_shown() -> None:
    ((_path, _before, after),) = places({}, {"set": {"X-Token-Of": "{caller.application}"}})
    assert after == "{caller.application}"


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "[" * 700 + "]" * 700, '{"a":' * 200 + "1" + "}" * 200],
    ids=["open", "lists", "objects"],
)
def test_a_text_that_nests_without_end_is_told_as_a_text(text: str) -> None:
    ((path, before, after),) = places({"body": '{"a": 1}'}, {"body": text})
    assert (path, before) == (("body",), '{"a": 1}')
    assert after.startswith(text[:20])


def test_long_values_of_publishers_are_read_once() -> None:
    """They take minutes where each part is looked for in all of the rest."""
    header, lists = "a" * 100_000, [[f"{block}.{n >> 8 & 255}.{n & 255}/32" for n in range(20_000)] for block in "12"]
    found = list(places({"set": {"X-A": "b"}, "allow": lists[0]}, {"set": {"X-A": header}, "allow": lists[1]}))
    assert [each.path for each in found] == [("allow",), ("set", "X-A")]
