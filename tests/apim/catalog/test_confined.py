"""Documents that would spin or eat memory end as a refusal that names the bound, wherever they are sent (H32)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.catalog import services
from apim.catalog.confined import lint_confined, preview_confined
from apim.catalog.job_kinds import ask_for_import
from apim.catalog.models import API
from apim.confined import calling
from apim.confined.calling import Bounds
from apim.documents.services import apply_documents
from apim.errors import Invalid
from apim.jobs import working
from apim.jobs.models import Job
from tests.conftest import LogIn

MANY = ", ".join(["*x"] * 300_000)
SPINS = f"openapi: 3.1.0\npaths: {{}}\nx: &x {{$ref: '#/{'a/' * 100}'}}\nx-many: [{MANY}]\n"
EATS = "openapi: 3.1.0\npaths: {}\nx: [" + "[1],\n" * 3_000_000 + "]\n"

pytestmark = pytest.mark.usefixtures("environment")


Bound = Callable[[Bounds], None]
SECOND = Bounds(cpu_s=1)
LITTLE = Bounds(memory_bytes=400 * 2**20)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Bound:
    """`bound(SECOND)` gives texts less than is usual: what needs more is as real as what needs more than is usual."""
    return lambda bounds: monkeypatch.setattr(calling, "USUAL", bounds)


@pytest.mark.parametrize(
    ("text", "bounds", "code", "told"),
    [
        (SPINS, SECOND, "confined.time", "more than 1 seconds of a processor"),
        (EATS, LITTLE, "confined.memory", "400 MB of memory"),
    ],
    ids=["spins", "eats"],
)
def test_an_import_is_refused_by_its_bound_and_makes_nothing(
    acme: Organization, by: Actor, bound: Bound, text: str, bounds: Bounds, code: str, told: str
) -> None:
    bound(bounds)
    with pytest.raises(Invalid) as raised:
        services.import_document(
            source=text, api_name="bank", version_name="v1", upstream_url="", organization=acme, by=by
        )
    assert (raised.value.code, raised.value.field) == (code, "document")
    assert told in raised.value.message
    assert not API.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_of_an_import_fails_with_the_bound(acme: Organization, owner: User, by: Actor, bound: Bound) -> None:
    bound(SECOND)
    job = ask_for_import(
        source=SPINS, api_name="bank", version_name="v1", upstream_url="", organization=acme, by=by, user=owner,
        page="/", result="/",
    )  # fmt: skip
    working.run(job.pk)
    found = Job.objects.get(pk=job.pk)
    assert (found.state, found.problems[0]["code"]) == (Job.State.FAILED, "confined.time")


def test_manifests_are_refused_by_their_bound(admin: User, by: Actor, bound: Bound) -> None:
    bound(LITTLE)
    text = "apiVersion: apim.dev/v1\nkind: API\nmetadata: {name: a}\nspec: [" + "[1],\n" * 3_000_000 + "]\n"
    with pytest.raises(Invalid) as raised:
        apply_documents(text=text, files={}, user=admin, by=by)
    assert (raised.value.code, raised.value.field) == ("confined.memory", "documents")


def test_the_rest_api_names_the_bound(log_in: LogIn, admin: User, bound: Bound) -> None:
    bound(LITTLE)
    answer = log_in(admin).post(
        "/api/v1/documents/apply", {"documents": EATS, "files": {}}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "confined.memory")


def test_what_is_only_looked_at_is_told_as_a_fault_of_the_document(bound: Bound) -> None:
    bound(LITTLE)
    shown, _ = preview_confined(EATS)
    assert not shown.is_usable
    assert "400 MB of memory" in shown.problems[0].message
    (finding,) = lint_confined(EATS).findings
    assert "400 MB of memory" in finding.message
