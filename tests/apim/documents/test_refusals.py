# ruff: noqa: E501 - a table with a case a line
"""Documents that are refused: each fault with its line and pointer, and nothing changed."""

from __future__ import annotations

import pytest

from apim.access.models import Application
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.models import API, APIVersion
from apim.documents import reading
from apim.documents.services import apply_documents, export_documents
from apim.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Problems
from apim.gateways.models import Environment
from apim.products.models import Plan
from tests.factories import access, accounts, catalog, products

HEAD = "apiVersion: apim.dev/v1\nkind: {}\nmetadata: {{ name: {} }}\n"


@pytest.fixture(autouse=True)
def _default(environment: Environment) -> Organization:
    """The organization that set-up makes."""
    assert environment
    return accounts.organization(name="default", is_default=True)


def document(kind: str, name: str, spec: str = "") -> str:
    """One document; spec starts on its line 4."""
    return HEAD.format(kind, name) + spec


def errors_of(text: str, user: User, by: Actor, files: dict[str, str] | None = None) -> list[DomainError]:
    """What applying text is refused for; the database is as before."""
    before = AuditEvent.objects.count()
    with pytest.raises(DomainError) as caught:
        apply_documents(text=text, files=files or {}, user=user, by=by)
    assert AuditEvent.objects.count() == before
    return list(caught.value.errors) if isinstance(caught.value, Problems) else [caught.value]


@pytest.mark.parametrize(
    ("text", "code", "line", "field", "hint"),
    [
        (document("Organization", "o", "spec: { dispalyName: x }"), "documents.unknown_field", 4, "/0/spec/dispalyName", "Did you mean `displayName`?"),
        (document("Organisation", "o"), "documents.unknown_kind", 2, "/0/kind", "Did you mean `Organization`?"),
        (document("AlertRule", "m"), "documents.not_supported", 2, "/0/kind", ""),
        (document("Meter", "m", "spec:\n  where: colour == 3"), "products.meter", 5, "/0/spec/where", "Such as `status < 400`"),
        (document("API", "a", "spec:\n  displayName: 7"), "documents.type", 5, "/0/spec/displayName", 'Put it in quotes: "7".'),
        (document("API", "a", "spec:\n  visibility: pubic"), "documents.value", 5, "/0/spec/visibility", "Did you mean `public`?"),
        (document("API", "a", "spec:\n  versions:\n    - name: v1\n      compat: {}"), "documents.not_supported", 7, "/0/spec/versions/0/compat", "Leave it out for now."),
        (document("API", "a", "spec:\n  versioning: {}"), "documents.not_supported", 5, "/0/spec/versioning", "Leave it out for now."),
        (document("Plan", "p", 'spec:\n  prices:\n    - { model: flat, amount: "1.00" }'), "products.pricing", 4, "/0/spec", "Prices are in one currency"),
        (document("Plan", "p", "spec:\n  currency: EUR\n  prices:\n    - { model: flat, amount: 29.0 }"), "documents.type", 7, "/0/spec/prices/0/amount", 'Put it in quotes: "29.0".'),
        (document("Plan", "p", 'spec:\n  currency: EUR\n  prices:\n    - { model: flat, amount: "29.001" }'), "products.pricing", 7, "/0/spec/prices/0/amount", "Write fewer decimal places."),
        (document("Plan", "p", "spec:\n  limits:\n    - { meter: m }"), "documents.no_meter", 6, "/0/spec/limits/0/meter", ""),
        (document("Plan", "p", "spec:\n  limits:\n    - { meter: m, quota: 5 }"), "documents.value", 6, "/0/spec/limits/0", "Write `{ rate"),
        (document("Plan", "p", "spec:\n  visibility: private\n  offeredTo:\n    - nope"), "documents.no_organization", 7, "/0/spec/offeredTo/0", ""),
        (document("Plan", "p", "spec:\n  limits: [{ per: day }]"), "documents.value", 5, "/0/spec/limits/0", "Write `{ rate"),
        (document("Plan", "p", "spec:\n  displayName: a\n  displayName: b"), "documents.field_twice", 5, "/0/spec/displayName", ""),
        (document("Product", "p"), "documents.missing_field", 1, "/0", ""),
        (document("Product", "p", "spec: { apis: [{ api: nope, versions: [v1] }] }"), "documents.no_api", 4, "/0/spec/apis/0/api", ""),
        (document("Subscription", "s", "spec:\n  application: x\n  product: y\n  plan: z"), "documents.no_application", 5, "/0/spec/application", ""),
        (document("API", "a", "spec:\n  versions:\n    - name: v1\n      spec: { $file: ./x.yaml }"), "documents.file_missing", 7, "/0/spec/versions/0/spec/$file", "Send its content"),
        (document("API", "a", "spec:\n  versions:\n    - name: v1\n      upstream: { targets: [{ url: { $env: U } }] }"), "documents.not_supported", 7, "/0/spec/versions/0/upstream/targets/0/url/$env", "Write the value"),
        (document("API", "a", "spec:\n  organization: nope"), "documents.no_organization", 5, "/0/spec/organization", ""),
        ("apiVersion: apim.dev/v2\nkind: API\nmetadata: { name: a }", "documents.value", 1, "/0/apiVersion", "Did you mean `apim.dev/v1`?"),
        (document("API", "a") + "---\n" + document("API", "a"), "documents.twice", 7, "/1/metadata/name", ""),
        ("a: b: c", "documents.syntax", 1, "documents", ""),
        ("# nothing", "documents.empty", 0, "documents", ""),
        ("- 1", "documents.type", 1, "/0", ""),
    ],
)  # fmt: skip
def test_a_fault_has_its_line_pointer_and_way_out(
    *, text: str, code: str, line: int, field: str, hint: str, admin: User, by: Actor
) -> None:
    (error,) = errors_of(text, admin, by)
    assert (error.code, error.field) == (code, field)
    assert hint in error.hint
    assert not line or error.message.startswith(f"line {line}: ")


@pytest.mark.parametrize(
    ("kind", "spec", "code", "field", "hint"),
    [
        ("Product", "apis: [{ api: bank, versions: [v2] }]", "documents.no_version", "apis/0/versions/0", "`v1`"),
        ("Product", "apis: [{ api: bank, versions: [v1] }], plans: [gald]", "documents.no_plan", "plans/0", "`gold`"),
        ("Subscription", "application: acme/shap, product: all, plan: gold", "documents.no_application", "application", "shop"),
        ("Subscription", "application: shop, product: al, plan: gold", "documents.no_product", "product", "`all`"),
        ("Subscription", "application: shop, product: all, plan: gald", "documents.no_plan", "plan", "`gold`"),
        ("API", "versions: [{ name: v1, lifecycle: { state: deprecated, successor: v7 } }]", "documents.no_version",
         "versions/0/lifecycle/successor", "v1"),
        ("API", "versions: [{ name: v1, upstream: { targets: [], timeout: soon } }]", "documents.value",
         "versions/0/upstream/timeout", "5s"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_has_the_nearest(
    *, kind: str, spec: str, code: str, field: str, hint: str, acme: Organization, admin: User, by: Actor
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    products.product(version=version, name="all", plans=[products.plan(organization=acme, name="gold")])
    access.application(of=acme, name="shop")
    (error,) = errors_of(document(kind, "bank", f"spec: {{ {spec} }}"), admin, by)
    assert (error.code, error.field) == (code, f"/0/spec/{field}")
    assert hint in error.hint


def test_all_faults_are_told_at_once(admin: User, by: Actor) -> None:
    text = "---\n".join(
        [document("API", "a", "spec: { nope: 1, versions: 7 }\n"), document("Plan", "p", "spec: { approval: no }\n")]
    )
    assert [error.field for error in errors_of(text, admin, by)] == [
        "/0/spec/nope",
        "/0/spec/versions",
        "/1/spec/approval",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "---\n".join(document("API", f"a{number}", "spec: { nope: 1 }\n") for number in range(150)),
        "---\n".join(document("API", "a") for _ in range(150)),
        document("API", "a", "spec:\n") + "".join(f"  f{number}: 1\n" for number in range(150)),
    ],
    ids=["documents", "names", "fields"],
)
def test_of_many_faults_the_first_are_told_with_their_lines_and_that_there_are_more(
    text: str, admin: User, by: Actor
) -> None:
    *told, last = errors_of(text, admin, by)
    assert (len(told), last.code) == (reading.FAULTS_AT_MOST, "documents.more_faults")
    rows = text.split("\n")
    for error in told:
        row = rows[int(error.message.removeprefix("line ").partition(":")[0]) - 1]
        assert error.field.rpartition("/")[2] in row


def test_a_service_that_refuses_is_quoted_with_its_document(admin: User, by: Actor) -> None:
    text = document("Organization", "o", "spec: {}\n---\n") + document(
        "API", "a", "spec:\n  versions:\n    - name: v1\n      lifecycle: { state: published }"
    )
    (error,) = errors_of(text, admin, by)
    assert (error.code, type(error)) == ("catalog.no_revision", Conflict)
    assert error.message.startswith("line 9: API a: ")
    assert not Organization.objects.filter(name="o").exists()


def test_a_broken_contract_changes_nothing(admin: User, by: Actor) -> None:
    text = document("API", "a", "spec:\n  versions:\n    - name: v1\n      spec: { $file: ./x.yaml }")
    (error,) = errors_of(text, admin, by, {"x.yaml": "swagger: '2.0'"})
    assert error.code == "catalog.document"
    assert "Swagger 2.0" in error.message
    assert not API.objects.exists()


def test_what_is_broken_inside_a_contract_is_a_warning(admin: User, by: Actor) -> None:
    text = document("API", "a", "spec:\n  versions:\n    - name: v1\n      spec: { $file: ./x.yaml }")
    sound = catalog.openapi("  /a:\n    get: {responses: {'200': {description: ok}}}\n    post: 1")
    applied = apply_documents(text=text, files={"./x.yaml": sound}, user=admin, by=by)
    assert applied.warnings == ("a v1: Line 6: The operation POST /a is not a mapping. (/paths/~1a/post)",)


def test_an_operation_that_a_product_names_and_loses_is_a_warning(acme: Organization, admin: User, by: Actor) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    products.product(version=version, operations=["GET /accounts/{id}"], name="narrow")
    text = document(
        "API", "bank", "spec:\n  versions:\n    - { name: v1, operations: [{ method: GET, path: /accounts }] }"
    )
    applied = apply_documents(text=text, files={}, user=admin, by=by)
    assert applied.warnings[0] == "bank v1: GET /accounts/{id} is gone; the products narrow named it."
    assert applied.changes[0].fields == ("versions.v1.operations",)


@pytest.mark.parametrize(
    "text",
    [
        document("Organization", "new"),
        document("Organization", "acme", "spec: { displayName: Mine }"),
        document("API", "new"),
        document("API", "new", "spec: { organization: acme }"),
        document("API", "bank", "spec: { displayName: Mine }"),
        document("Plan", "new", "spec: { organization: acme }"),
        document("Plan", "gold", "spec: { approval: manual }"),
        document("Product", "new", "spec: { organization: acme, apis: [{ api: bank, versions: [v1] }] }"),
        document("Product", "bank-all", "spec: { displayName: Mine, apis: [{ api: bank, versions: [v1] }] }"),
        document("Application", "new", "spec: { organization: acme }"),
        document("Application", "acme/new"),
    ],
)
@pytest.mark.parametrize("who", ["stranger", "developer", "other_owner"])
def test_nobody_touches_what_is_not_theirs(
    *, text: str, who: str, acme: Organization, by: Actor, request: pytest.FixtureRequest
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    products.product(version=version, name="bank-all", plans=[products.plan(organization=acme, name="gold")])
    (error,) = errors_of(text, request.getfixturevalue(who), by)
    assert (error.code, type(error)) == ("documents.forbidden", Forbidden)


def test_owners_apply_their_own_and_developers_their_applications(
    acme: Organization, owner: User, developer: User, by: Actor
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    products.product(version=version, name="bank-all", plans=[products.plan(organization=acme, name="gold")])
    apply_documents(text=document("API", "bank", "spec: { displayName: Ours }"), files={}, user=owner, by=by)
    text = (
        document("Application", "shop")
        + "---\n"
        + document("Subscription", "s", "spec: { application: shop, product: bank-all, plan: gold }")
    )
    applied = apply_documents(text=text, files={}, user=developer, by=by)
    assert [change.name for change in applied.changes] == ["initech/shop", "s"]
    assert API.objects.get().display_name == "Ours"


def test_a_team_owner_applies_the_teams_apis_only(acme: Organization, team_owner: User, by: Actor) -> None:
    catalog.api(organization=acme, name="cards-api", team="cards")
    text = "spec: {{ organization: acme, team: {} }}"
    apply_documents(text=document("API", "ours", text.format("payments")), files={}, user=team_owner, by=by)
    for name, team in (("theirs", "cards"), ("cards-api", "payments"), ("ours", "cards")):
        (error,) = errors_of(document("API", name, text.format(team)), team_owner, by)
        assert isinstance(error, Forbidden)


def test_a_team_that_is_not_there_is_made_for_who_leads_and_told_to_others(
    acme: Organization, owner: User, developer: User, by: Actor
) -> None:
    text = document("API", "ours", "spec: { organization: acme, team: core-banking }")
    applied = apply_documents(text=text, files={}, user=owner, by=by)
    assert applied.warnings == ("acme has a team `core-banking` from now on: ours named it.",)
    assert apply_documents(text=text, files={}, user=owner, by=by).warnings == ()
    accounts.services.create_team(organization=developer.memberships.get().organization, name="shops", by=by)
    spec = "spec: {{ organization: initech, team: {} }}"
    (error,) = errors_of(document("Application", "shop", spec.format("shop")), developer, by)
    assert (error.code, error.hint) == ("accounts.no_such_team", "Its teams are shops.")
    apply_documents(text=document("Application", "shop", spec.format("shops")), files={}, user=developer, by=by)
    assert Application.objects.get().team == "shops"
    assert "team: shops" in export_documents(kind="Application", name="shop", user=developer)


def test_a_member_of_another_team_changes_no_application_of_a_team(initech: Organization, by: Actor) -> None:
    access.application(of=initech, name="shop", team="shops")
    elsewhere = accounts.member(initech, team="elsewhere")
    for spec in ("spec: { displayName: Taken over }", "spec: { team: elsewhere }"):
        (error,) = errors_of(document("Application", "initech/shop", spec), elsewhere, by)
        assert isinstance(error, Forbidden)
    apply_documents(text=document("Application", "initech/mine"), files={}, user=elsewhere, by=by)
    assert Application.objects.get(name="mine").team == "elsewhere"


def test_a_bare_name_that_several_have_is_not_guessed(
    acme: Organization, globex: Organization, admin: User, by: Actor
) -> None:
    for organization in (acme, globex):
        access.application(of=organization, name="shop")
    product = products.product(name="bank-all")
    spec = "spec: {{ application: {}, product: bank-all, plan: {} }}"
    plan = product.plans.get().name
    (error,) = errors_of(document("Subscription", "s", spec.format("shop", plan)), admin, by)
    assert (error.code, error.hint) == ("documents.ambiguous", "Write `acme/shop` or `globex/shop`.")
    apply_documents(text=document("Subscription", "s", spec.format("globex/shop", plan)), files={}, user=admin, by=by)
    assert Application.objects.get(organization=globex).subscriptions.count() == 1


@pytest.mark.parametrize(
    ("lifecycle", "state"),
    [
        ("{ state: draft }", APIVersion.State.DRAFT),
        ("{ state: published }", APIVersion.State.PUBLISHED),
        ("{ state: deprecated, deprecatedAt: 2026-10-01, sunsetAt: 2027-06-30, successor: v2 }", APIVersion.State.DEPRECATED),
        ("{ state: retired }", APIVersion.State.RETIRED),
    ],
)  # fmt: skip
def test_every_state_can_be_declared_at_once_and_again(lifecycle: str, state: str, admin: User, by: Actor) -> None:
    content = 'operations: [{ method: GET, path: /a }], upstream: { targets: [{ url: "http://127.0.0.1:1" }] }'
    versions = f"    - {{ name: v1, lifecycle: {lifecycle}, {content} }}\n    - {{ name: v2, {content} }}\n"
    text = document("API", "a", f"spec:\n  versions:\n{versions}")
    apply_documents(text=text, files={}, user=admin, by=by)
    version = APIVersion.objects.get(name="v1")
    assert version.state == state
    if state == APIVersion.State.DEPRECATED:
        assert (str(version.sunset_at.date()), version.successor.name) == ("2027-06-30", "v2")
    if state != APIVersion.State.RETIRED:
        assert not apply_documents(text=text, files={}, user=admin, by=by).has_changes


@pytest.mark.parametrize("date", ["soon", "2026-13-01", "2026-02-30T00:00:00Z"])
def test_a_date_is_a_date(date: str, admin: User, by: Actor) -> None:
    content = 'operations: [{ method: GET, path: /a }], upstream: { targets: [{ url: "http://127.0.0.1:1" }] }'
    text = document(
        "API",
        "a",
        f"spec:\n  versions:\n    - {{ name: v1, {content}, lifecycle: {{ state: deprecated, sunsetAt: {date} }} }}",
    )
    (error,) = errors_of(text, admin, by)
    assert error.field == "/0/spec/versions/0/lifecycle/sunsetAt"


def test_a_changed_plan_is_its_next_version(admin: User, by: Actor) -> None:
    slow, fast = (document("Plan", "gold", f"spec: {{ limits: [{{ rate: {rate} }}] }}") for rate in ("10/s", "20/s"))
    apply_documents(text=slow, files={}, user=admin, by=by)
    (change,) = apply_documents(text=fast, files={}, user=admin, by=by).changes
    assert (change.action, change.fields) == ("update", ("limits",))
    assert Plan.objects.get().versions.first().number == 2


def test_a_plan_of_units_and_bytes_comes_back_as_it_was_written(acme: Organization, admin: User, by: Actor) -> None:
    limits = "[{ quota: 100, per: month, unit: units }, { quota: 1000000, per: day, unit: bytes }]"
    spec = f'limits: {limits}, weights: {{ "POST /transfers*": 5 }}, whenUnconfirmed: refuse'
    text = document("Plan", "gold", f"spec: {{ {spec} }}")
    apply_documents(text=text, files={}, user=admin, by=by)
    version = Plan.objects.get().versions.get()
    assert version.quotas == [
        {"requests": 1_000_000, "per": "day", "unit": "bytes"},
        {"requests": 100, "per": "month", "unit": "units"},
    ]
    assert (version.weights, version.when_unconfirmed) == ({"POST /transfers*": 5}, "refuse")
    exported = export_documents(kind="plans", name="gold", user=admin)
    assert not apply_documents(text=exported, files={}, user=admin, by=by).has_changes
    assert "whenUnrecorded" not in exported
    heavy = text.replace("5 }", "101 }").replace("[{ quota", "[{ rate: 5/s }, { quota", 1)
    (error,) = errors_of(heavy, admin, by)
    assert "no call may cost more than the quota has" in error.message


def test_quotas_of_the_subscriptions_own_periods_come_back_as_they_were_written(
    acme: Organization, admin: User, by: Actor
) -> None:
    limits = "[{ quota: 100, per: month, window: anchored }, { quota: 9, per: period, unit: units }]"
    text = document("Plan", "gold", f"spec: {{ limits: {limits} }}")
    apply_documents(text=text, files={}, user=admin, by=by)
    assert Plan.objects.get().versions.get().quotas == [
        {"requests": 100, "per": "month", "window": "anchored"},
        {"requests": 9, "per": "period", "unit": "units"},
    ]
    exported = export_documents(kind="plans", name="gold", user=admin)
    assert not apply_documents(text=exported, files={}, user=admin, by=by).has_changes


def test_export_shows_what_one_may_change_and_nothing_else(
    acme: Organization, owner: User, stranger: User, other_owner: User
) -> None:
    catalog.published(of=catalog.api(organization=acme, name="bank"))
    assert "http://127.0.0.1:9101" in export_documents(kind="apis", name="bank", user=owner)
    for user in (stranger, other_owner):
        assert "9101" not in export_documents(kind="all", name="", user=user)
        with pytest.raises(NotFound):
            export_documents(kind="api", name="bank", user=user)
    with pytest.raises(Invalid) as caught:
        export_documents(kind="apps", name="", user=owner)
    assert caught.value.code == "documents.unknown_kind"


def test_export_takes_a_fixed_number_of_queries(
    acme: Organization, owner: User, django_assert_max_num_queries: object
) -> None:
    for number in range(4):
        catalog.published(of=catalog.api(organization=acme, name=f"api-x{number}"))
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        export_documents(kind="API", name="", user=owner)
