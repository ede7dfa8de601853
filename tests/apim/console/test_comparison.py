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
    assert [(each.name, each.before, each.after) for each in comparison.policies] == [("size-limit", "", "max: 1MiB")]


def test_a_pass_through_is_compared_by_its_methods() -> None:
    before = _revision(passthrough={"methods": ["GET", "POST"], "prefix": "/"})

    assert compare_revisions(before, _revision("GET /a")).removed == ("GET /*", "POST /*")
