"""Single calls in the console: the list, the picture of one, what is not known."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from apim.accounts.models import Membership, Organization, User
from apim.catalog.models import APIVersion
from apim.gateways.sandbox import twin_id
from apim.usage.traces import keep_traces
from gateway_sync.trace_wire import Rival
from tests.conftest import LogIn
from tests.factories import accounts, catalog
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import SECRET_ARM, TARGET, trace

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Organization:
    return accounts.organization()


@pytest.fixture
def owner(acme: Organization) -> User:
    return accounts.member(acme, role=Membership.Role.OWNER)


@pytest.fixture
def version(acme: Organization) -> APIVersion:
    return catalog.draft(of=catalog.api(organization=acme))


def keep(version_id: str, *numbers: int, **fields: object) -> None:
    told = [trace(f"0123456789abcdef-{number:08x}", version_id=version_id, **fields) for number in numbers]
    keep_traces(gateway=enrolled_gateway().gateway, traces=told)


def test_the_list_has_the_newest_calls_of_ones_own_apis(owner: User, version: APIVersion, log_in: LogIn) -> None:
    keep(version.id, 1, 2)
    keep("", 3)
    page = log_in(owner).get("/console/requests").content.decode()
    assert page.index("0123456789abcdef-00000002") < page.index("0123456789abcdef-00000001")
    assert "0123456789abcdef-00000003" not in page
    admin = log_in(accounts.user(is_platform_admin=True)).get("/console/requests").content.decode()
    assert "0123456789abcdef-00000003" in admin


def test_a_call_of_the_sandbox_is_named_by_the_version_it_stands_for(version: APIVersion, log_in: LogIn) -> None:
    keep(twin_id(version.id), 1)
    client = log_in(accounts.user(is_platform_admin=True))
    for path in ("/console/requests", "/console/requests/0123456789abcdef-00000001"):
        page = client.get(path).content.decode()
        assert str(version) in page
        assert '<span class="tag">sandbox</span>' in page


def test_an_empty_list_says_when_something_will_be_there(owner: User, log_in: LogIn) -> None:
    assert "Nothing to explain yet" in log_in(owner).get("/console/requests").content.decode()


def test_the_list_costs_the_same_at_any_traffic(
    owner: User, version: APIVersion, log_in: LogIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = log_in(owner)
    keep(version.id, *range(30))
    with django_assert_max_num_queries(14):
        client.get("/console/requests")


def test_an_id_leads_to_the_way_of_the_call(owner: User, version: APIVersion, log_in: LogIn) -> None:
    rivals = [Rival("sub_1", "prd_1", 0), Rival("sub_2", "prd_2", 2, "payment-required")]
    keep(version.id, 7, rivals=rivals, subscription="sub_1", detail="Because.", code="upstream-timeout", status=504)
    client = log_in(owner)
    found = client.get("/console/requests", {"id": " 0123456789abcdef-00000007 "})
    assert (found.status_code, found["Location"]) == (302, "/console/requests/0123456789abcdef-00000007")
    page = client.get(found["Location"]).content.decode()
    for shown in (
        TARGET, f"arm {SECRET_ARM}", "tried again: not reached", "Compressed answers", "in shadow: would have refused",
        "Because.", "upstream-timeout", "chosen: its product names the operation", "cannot be used: payment-required",
        "POST /withdrawals", "by worker 3 at revision 41", "ab" * 16, "Rest of the answer", "6.1 ms",
    ):  # fmt: skip
        assert shown in page, shown


@pytest.mark.parametrize("wanted", ["nonsense", "0123456789abcdef-00000001", "a" * 200])
def test_what_is_not_known_or_not_ones_own_is_told_alike(owner: User, log_in: LogIn, wanted: str) -> None:
    keep("ver_of_others", 1)
    answer = log_in(owner).get(f"/console/requests/{wanted}")
    assert answer.status_code == 404
    assert b"Nothing is known of this request" in answer.content


def test_a_call_that_was_not_http_is_shown_too(log_in: LogIn) -> None:
    bare = {"method": "", "path": "", "operation": "", "policies": [], "tries": [], "parts": [], "duration_us": -1}
    keep("", 1, code="bad-request", status=400, span=None, **bare)
    admin = log_in(accounts.user(is_platform_admin=True))
    page = admin.get("/console/requests/0123456789abcdef-00000001").content.decode()
    assert "bad-request" in page
    assert "none was met" in page
