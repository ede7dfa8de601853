"""The life of a version as owners, developers and callers see it: merge, side by side, deprecate, retire, roll back."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.e2e.journey import Journey, bring, contract
from tests.upstreams import Upstream
from tests.waiting import PATIENCE_S, wait_until

POLICIES = [{"size-limit": {"max": "1KiB"}}]


def test_importing_again_keeps_everything_but_the_contract(journey: Journey, echo: Upstream) -> None:
    bring(journey, "merge", "v1", contract("GET /items", "GET /items/old", "POST /items"), echo.url + "/base")
    journey.patch("versions/merge:v1", documentation="# How to shop")
    journey.post("versions/merge:v1/revisions", policies=POLICIES)
    journey.post("versions/merge:v1/publish")
    journey.patch("apis/merge", display_name="The shop", description="Ours", labels={"team": "shop"})
    key = journey.offer("merge", "merge:v1", operations=["* /items*"])
    journey.wait("/merge/v1/items/old", key, 200)
    kept = [journey.get(path) for path in ("products/merge", "plans/unlimited", "apis/merge")]

    changes = bring(journey, "merge", "v1", contract("GET /items", "GET /items/new", "POST /items", title="Shop 2"))

    assert changes == [
        {"action": "removed", "operation": "GET /items/old", "products": ["merge"]},
        {"action": "added", "operation": "GET /items/new", "products": []},
    ]
    assert [journey.get(path) for path in ("products/merge", "plans/unlimited", "apis/merge")] == kept
    version = journey.get("versions/merge:v1")
    assert version["documentation"] == "# How to shop"
    revision = journey.get(f"revisions/{version['deployments'][0]['revision_id']}")
    assert revision["policies"] == POLICIES
    assert revision["upstream"]["targets"] == [{"url": f"{echo.url}/base", "weight": 100}]
    journey.wait("/merge/v1/items/new", key, 200)
    assert journey.call("GET", "/merge/v1/items/old", key).status == 404
    assert journey.call("POST", "/merge/v1/items", key, b"x" * 1025).status == 413
    assert journey.call("POST", "/merge/v1/items", key, b"x").json()["target"] == "/base/items"

    assert bring(journey, "merge", "v1", contract("GET /items", "GET /items/new", "POST /items", title="Shop 2")) == []
    assert journey.get("versions/merge:v1")["deployments"][0]["revision_number"] == revision["number"]


def test_the_command_names_what_an_import_removed(journey: Journey, echo: Upstream) -> None:
    bring(journey, "named", "v1", contract("GET /a", "GET /b"), echo.url)
    journey.offer("named", "named:v1", operations=["GET /b"])
    told = journey.run("import", "-", "--name", "named", "--version", "v1", text=contract("GET /a", "GET /c"))
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "named v1: revision 2, published",
        "  removed GET /b (offered by named)",
        "  added GET /c",
    ]


@pytest.fixture(scope="module")
def store_key(journey: Journey, echo: Upstream) -> str:
    """A key for v1 and v2 of one API, side by side."""
    bring(journey, "store", "v1", contract("GET /things", "GET /both"), f"{echo.url}/one")
    bring(journey, "store", "v2", contract("GET /items", "GET /both"), f"{echo.url}/two")
    key = journey.offer("store", "store:v1", "store:v2")
    journey.wait("/store/v2/items", key, 200)
    return key


def test_a_version_from_side_by_side_over_deprecated_to_retired(
    journey: Journey, echo: Upstream, store_key: str
) -> None:
    for version, target in (("v1", "/one/both"), ("v2", "/two/both")):
        answer = journey.call("GET", f"/store/{version}/both", store_key)
        assert answer.json()["target"] == target
        assert not {"deprecation", "sunset", "link"} & answer.headers.keys()
    assert journey.call("GET", "/store/v2/things", store_key).status == 404

    journey.post(
        "versions/store:v1/deprecate", deprecated_at="2026-11-01T00:00:00Z", sunset_at="2027-06-30T12:00:00Z",
        successor="v2",
    )  # fmt: skip
    wait_until(
        lambda: "deprecation" in journey.call("GET", "/store/v1/both", store_key).headers, "v1 is called deprecated"
    )
    answer = journey.call("GET", "/store/v1/both", store_key)
    assert answer.status == 200
    assert answer.headers["deprecation"] == "@1793491200"
    assert parsedate_to_datetime(answer.headers["sunset"]).isoformat() == "2027-06-30T12:00:00+00:00"
    assert '</store/v2>; rel="successor-version"' in answer.headers["link"]
    assert "deprecation" not in journey.call("GET", "/store/v2/both", store_key).headers

    journey.post("versions/store:v1/retire")
    journey.wait("/store/v1/both", store_key, 410)
    for path in ("/both", "/whatever", ""):
        gone = journey.call("GET", f"/store/v1{path}", store_key)
        assert (gone.status, gone.json()["code"]) == (410, "retired")
        assert '</store/v2>; rel="successor-version"' in gone.headers["link"]
        assert gone.headers["sunset"] == answer.headers["sunset"]
    assert journey.call("GET", "/store/v2/both", store_key).status == 200
    page = httpx.get(f"{journey.product.web}/apis/store/v1", timeout=PATIENCE_S)  # where the other Link leads
    assert f'<{page.url}>; rel="deprecation"' in answer.headers["link"]
    assert page.status_code == 410
    assert "/apis/store/v2/reference" in page.text
    refused = journey.ask("POST", "versions/store:v1/publish")
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog.transition")


def test_a_rollback_brings_the_old_operations_back(
    journey: Journey, echo: Upstream, record_property: Callable[[str, object], None]
) -> None:
    bring(journey, "back", "v1", contract("GET /first"), f"{echo.url}/old")
    key = journey.offer("back", "back:v1")
    journey.wait("/back/v1/first", key, 200)
    bring(journey, "back", "v1", contract("GET /second"), f"{echo.url}/new")
    journey.wait("/back/v1/second", key, 200)
    assert journey.call("GET", "/back/v1/first", key).status == 404

    deployed = journey.post("versions/back:v1/rollback")
    record_property("rolled_back_after_s", round(journey.wait("/back/v1/first", key, 200), 2))
    assert deployed["revision_number"] == 1
    assert journey.call("GET", "/back/v1/first", key).json()["target"] == "/old/first"
    assert journey.call("GET", "/back/v1/second", key).status == 404

    told = journey.run("publish", "back", "v1", "--waive", "the test tries what follows")
    assert (told.returncode, told.stdout) == (0, "back v1: published, revision 2 in default\n")
    journey.wait("/back/v1/second", key, 200)
    told = journey.run("rollback", "back", "v1", "--to", "1")
    assert (told.returncode, told.stdout) == (0, "back v1: rolled back, revision 1 in default\n")
    journey.wait("/back/v1/first", key, 200)


def test_an_api_is_archived_restored_and_deleted_with_its_consequences_told(journey: Journey, echo: Upstream) -> None:
    bring(journey, "brief", "v1", contract("GET /x"), echo.url)
    key = journey.offer("brief", "brief:v1")
    journey.wait("/brief/v1/x", key, 200)
    assert journey.get("apis/brief/deletion") == {
        "can_delete": False,
        "versions": ["v1"],
        "live_versions": ["v1"],
        "revisions": 1,
        "products": ["brief"],
    }
    assert journey.ask("DELETE", "apis/brief").json()["code"] == "catalog.api_in_products"

    journey.post("apis/brief/archive")
    journey.wait("/brief/v1/x", key, 404)
    refused = journey.ask("POST", "versions/brief:v1/publish")
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog.api_archived")
    journey.post("apis/brief/restore")
    journey.wait("/brief/v1/x", key, 200)

    assert journey.ask("DELETE", "products/brief").status_code == 204  # archives it
    assert journey.get("apis/brief/deletion")["products"] == []
    assert journey.ask("DELETE", "apis/brief").json()["code"] == "catalog.api_is_live"
    journey.post("apis/brief/archive")
    journey.wait("/brief/v1/x", key, 404)
    assert journey.get("apis/brief/deletion")["can_delete"] is True
    assert journey.ask("DELETE", "apis/brief").status_code == 204
    assert journey.ask("GET", "apis/brief").status_code == 404
    assert journey.call("GET", "/brief/v1/x", key).status == 404
    bring(journey, "brief", "v1", contract("GET /y"), echo.url)  # the name is free again
    journey.wait("/brief/v1/y", key, 403)  # of another API: the old right is gone
