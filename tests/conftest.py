"""What tests of every app share: people of each role, two tenants, an environment, and clients that are logged in.

Shapes: `acme` offers APIs (owner, and a colleague bound to a team), `globex` is another tenant with its own owner,
`initech` consumes (developer). `stranger` is logged in and belongs to nobody's organization but an own one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.test import Client
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.branding import brand
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from tests import flushing, schema
from tests.factories import accounts as accounts_factory
from tests.properties import patient

LogIn = Callable[[User | None], Client]

LONGEST_S = 3600  # of a slow test; of others pyproject.toml tells

pytest_plugins = ("tests.databases", "tests.valkey")


def pytest_configure() -> None:
    """Settings that only tests have: no broker to wait for, no static files read, a cheap password hash, patience."""
    flushing.make_cheap()
    hypothesis_settings.register_profile("patient", patient)
    hypothesis_settings.load_profile("patient")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # the launcher's work; else a warning
    django_settings.CELERY_BROKER_URL = "memory://"
    django_settings.CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}  # no Redis
    django_settings.WHITENOISE_AUTOREFRESH = True  # else each test client reads every static file before it starts
    django_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        *django_settings.PASSWORD_HASHERS,
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests may take long; even they end."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests noted with record_property, such as how long a change took: told, never asserted."""
    noted = [
        f"{name} = {value}  {report.nodeid}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
    ]
    if noted:
        terminalreporter.section("measured, not asserted")
        terminalreporter.write_line("\n".join(noted))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The test database is a copy of what script/test migrated, where it did."""
    if schema.is_there():
        schema.put_in_test_database()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """True when the copy must not be thrown away before it is used."""
    return django_db_keepdb or schema.is_there()


@pytest.fixture(autouse=True)
def _no_counts_of_earlier_tests() -> Iterator[None]:
    """Rate limits of log-in are counted in the cache; each test starts from none."""
    for name in django_settings.CACHES:
        caches[name].clear()
    yield
    for name in django_settings.CACHES:
        caches[name].clear()


@pytest.fixture(autouse=True)
def _look_was_read_already(_no_counts_of_earlier_tests: None) -> None:
    """Pages read the look every few seconds; when, no count of queries may depend on."""
    caches["process"].set(brand.KEY, brand.Brand(), None)


@pytest.fixture(autouse=True)
def _mails_are_kept_as_in_production(settings: Settings) -> None:
    """Django's test runner swaps the backend; ours is what makes a mail a Message."""
    settings.EMAIL_BACKEND = "apim.notifications.backend.StoringBackend"


@pytest.fixture
def by() -> Actor:
    """Who does what a test sets up."""
    return accounts_factory.TESTER


@pytest.fixture
def environment(db: None) -> Environment:
    """The environment named "default"."""
    return default_environment()


@pytest.fixture
def acme(db: None) -> Organization:
    """A tenant that offers APIs."""
    return accounts_factory.organization(name="acme", display_name="Acme Ltd")


@pytest.fixture
def globex(db: None) -> Organization:
    """Another tenant that offers APIs."""
    return accounts_factory.organization(name="globex", display_name="Globex Corp")


@pytest.fixture
def initech(db: None) -> Organization:
    """A tenant that consumes APIs."""
    return accounts_factory.organization(name="initech", display_name="Initech")


@pytest.fixture
def admin(db: None) -> User:
    """A platform admin."""
    return accounts_factory.user("admin@example.com", is_platform_admin=True)


@pytest.fixture
def owner(acme: Organization) -> User:
    """An owner of the whole of acme."""
    return accounts_factory.member(acme, "owner@acme.example", role="owner")


@pytest.fixture
def team_owner(acme: Organization) -> User:
    """An owner of acme who is bound to the team payments."""
    return accounts_factory.member(acme, "payments@acme.example", role="owner", team="payments")


@pytest.fixture
def other_owner(globex: Organization) -> User:
    """An owner of another tenant."""
    return accounts_factory.member(globex, "owner@globex.example", role="owner")


@pytest.fixture
def developer(initech: Organization) -> User:
    """A developer of the consuming tenant."""
    return accounts_factory.member(initech, "dev@initech.example", role="developer")


@pytest.fixture
def stranger(db: None) -> User:
    """Someone who signed up and has nothing to do with the others."""
    return accounts_factory.registered("stranger@example.net")


@pytest.fixture
def log_in(db: None) -> LogIn:
    """`log_in(owner)` is a client with that person's session; `log_in(None)` a visitor's."""

    def make(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return make
