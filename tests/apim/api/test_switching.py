"""Changes of a paid plan over REST: previewed, done, taken back, by who holds the subscription alone."""

from __future__ import annotations

import pytest

from apim.access.services import subscribe
from apim.accounts.models import Organization, User
from apim.products.models import Product
from tests.apim.api.conftest import MakeClient
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import Stripe, _inbox, _standin, buy, product, stripe_server  # noqa: F401 - fixtures
from tests.switching import offer, priced

pytestmark = pytest.mark.django_db


def test_a_change_is_previewed_done_and_taken_back_by_its_holder_alone(
    api: MakeClient,
    developer: User,
    stranger: User,
    initech: Organization,
    product: Product,  # noqa: F811
    stripe_server: Stripe,  # noqa: F811
) -> None:
    application = access.application(of=initech, name="till")
    waiting = subscribe(application=application, product=product, plan=product.plans.get(), by=TESTER, is_checkout=True)
    path = f"/api/v1/subscriptions/{buy(stripe_server, waiting).id}/switch"
    offer(product, "growth", priced("49.00"))
    offer(product, "small", priced("9.00"))
    client = api(developer)

    shown = client.get(f"{path}?plan=growth").json()
    charge = shown["charge"]
    assert (shown["is_immediate"], charge["total"], charge["local_total"]) == (True, "20.00", "20.00")
    body = {"plan": "growth", "version": shown["version"], "shown_at": shown["shown_at"]}
    done = client.post(path, body, format="json").json()
    assert (done["plan"], done["coming"]) == ("growth", None)
    assert client.post(path, {"plan": "growth"}, format="json").json()["code"] == "billing.plan_in_force"
    coming = client.post(path, {"plan": "small"}, format="json").json()["coming"]
    assert (coming["plan"], coming["kind"]) == ("small", "scheduled")
    assert client.post(f"{path}/undo", format="json").json()["coming"] is None
    assert client.get(path).status_code == 400
    for method, where in (("get", f"{path}?plan=small"), ("post", path), ("post", f"{path}/undo")):
        assert getattr(api(stranger), method)(where, {"plan": "small"}, format="json").status_code == 404
