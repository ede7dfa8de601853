from __future__ import annotations

from apim.catalog.models import Revision
from apim.console.comparison import compare_revisions


def _revision(*operations: str, **fields: object) -> Revision:
    rows = [dict(zip(("method", "path"), text.split(" "), strict=True)) for text in operations]
    return Revision(operations=rows, **fields)


def test_operations_added_and_removed_are_named() -> None:
    comparison = compare_revisions(_revision("GET /a", "GET /b"), _revision("GET /b", "POST /c"))

    assert comparison.added == ("POST /c",)
    assert comparison.removed == ("GET /a",)
    assert comparison.sentences == ("Operations added: POST /c.", "Operations removed: GET /a.")


def test_equal_revisions_differ_in_nothing() -> None:
    assert compare_revisions(_revision("GET /a"), _revision("GET /a")).is_empty


def test_upstream_and_policies_are_compared_setting_by_setting() -> None:
    before = _revision(upstream={"targets": [{"url": "http://a", "weight": 100}], "timeout_s": 5}, policies=[])
    after = _revision(
        upstream={"targets": [{"url": "http://a", "weight": 50}], "timeout_s": 5},
        policies=[{"size-limit": {"max": "1MiB"}}],
    )

    comparison = compare_revisions(before, after)

    assert [(each.name, each.before, each.after) for each in comparison.upstream] == [
        ("target http://a", "share 100", "share 50")
    ]
    assert [(each.name, each.before, each.after) for each in comparison.policies] == [
        ("Size of a request's body", "", "Most: 1MiB")
    ]


def test_each_policy_of_a_kind_is_compared() -> None:
    before = _revision(policies=[{"rate-limit": {"limit": "5/s"}}, {"rate-limit": {"limit": "9/s"}}])
    after = _revision(policies=[{"rate-limit": {"limit": "1/s", "shadow": True}}, {"rate-limit": {"limit": "9/s"}}])

    assert [(each.name, each.before, each.after) for each in compare_revisions(before, after).policies] == [
        ("Rate limit", "Limit: 5/s", "Limit: 1/s; Shadow: count only")
    ]
    (second,) = compare_revisions(_revision(policies=before.policies[:1]), before).policies
    assert (second.name, second.before, second.after) == ("Rate limit 2", "", "Limit: 9/s")


def test_a_pass_through_is_compared_by_its_methods() -> None:
    before = _revision(passthrough={"methods": ["GET", "POST"], "prefix": "/"})

    assert compare_revisions(before, _revision("GET /a")).removed == ("GET /*", "POST /*")
