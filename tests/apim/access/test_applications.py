"""Applications: named once in their organization, changed in words alone."""

from __future__ import annotations

import pytest

from apim.access import services
from apim.access.models import Application
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid, Problems
from tests.factories import access as access_factory


def test_names_are_unique_in_an_organization_and_free_in_others(
    shop: Application, acme: Organization, by: Actor
) -> None:
    with pytest.raises(Conflict) as taken:
        services.create_application(organization=shop.organization, name=shop.name, by=by)
    assert (taken.value.code, taken.value.field) == ("access.name_taken", "name")
    assert services.create_application(organization=acme, name=shop.name, by=by).organization == acme


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"name": "My Shop"}, "name"), ({"name": "a" * 61}, "name"), ({"display_name": "x" * 121}, "display_name")],
)
def test_what_does_not_fit_is_refused_before_the_database_is_asked(
    initech: Organization, by: Actor, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_application(organization=initech, by=by, **{"name": "shop", **fields})
    assert refused.value.field == field
    assert not Application.objects.exists()


def test_a_change_of_words_is_in_the_audit_log_and_a_name_stays(shop: Application, by: Actor) -> None:
    changed = services.update_application(application=shop, changes={"display_name": "The shop"}, by=by)
    assert changed.display_name == "The shop"
    event = AuditEvent.objects.get(action="application.update")
    assert event.after is not None
    assert event.after["display_name"] == "The shop"
    with pytest.raises(Invalid) as refused:
        services.update_application(application=shop, changes={"name": "kiosk"}, by=by)
    assert refused.value.code == "access.not_changeable"
    with pytest.raises(Problems):
        services.update_application(application=shop, changes={"display_name": "x" * 121}, by=by)


def test_a_suspended_organization_gets_no_applications(initech: Organization, by: Actor) -> None:
    services.suspend_organization(organization=initech, by=by)
    with pytest.raises(Conflict) as refused:
        access_factory.application(of=initech)
    assert refused.value.code == "access.organization_suspended"
