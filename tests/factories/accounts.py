"""People and organizations, made by the real services."""

from __future__ import annotations

from itertools import count

from apim.accounts import services
from apim.accounts.models import Membership, Organization, User
from apim.audit.actor import Actor

TESTER = Actor("system", "", "tests")
PASSWORD = "a long enough passphrase"  # of people who exist in tests only

_numbers = count(1)


def organization(*, name: str = "", display_name: str = "", is_default: bool = False) -> Organization:
    """A tenant with a name of its own."""
    name = name or f"organization-{next(_numbers)}"
    return services.create_organization(
        name=name, display_name=display_name or name.title(), by=TESTER, is_default=is_default
    )


def user(email: str = "", *, password: str = PASSWORD, is_platform_admin: bool = False) -> User:
    """A person with a verified address."""
    return services.create_user(
        email=email or f"person-{next(_numbers)}@example.org",
        password=password,
        by=TESTER,
        is_platform_admin=is_platform_admin,
    )


def member(of: Organization, email: str = "", *, role: str = Membership.Role.DEVELOPER, team: str = "") -> User:
    """A person who belongs to the organization, in a team of it that is made when there is none of the name."""
    person = user(email)
    services.adopt_team(organization=of, name=team, by=TESTER)
    services.add_member(organization=of, user=person, role=role, team=team, by=TESTER)
    return person


def registered(email: str = "") -> User:
    """A person with the organization that signing up makes."""
    person = user(email)
    services.register_developer(person)
    return person
