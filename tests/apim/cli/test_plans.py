"""`apim plans migrate`, and prices as documents, against a control plane that listens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml12

from apim.access.models import Subscription
from apim.products.models import Plan
from tests.apim.cli.conftest import Run
from tests.apim.cli.plans import METER, STARTER

pytestmark = pytest.mark.django_db(transaction=True)

API = """\
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank }
spec:
  versions:
    - name: v1
      lifecycle: { state: published }
      passthrough: { methods: [GET] }
      upstream: { targets: [{ url: "http://127.0.0.1:9101" }] }
---
apiVersion: apim.dev/v1
kind: Product
metadata: { name: payments }
spec: { apis: [{ api: bank, versions: [v1] }], plans: [bank-starter] }
---
apiVersion: apim.dev/v1
kind: Application
metadata: { name: shop }
spec: { organization: default }
---
apiVersion: apim.dev/v1
kind: Subscription
metadata: { name: shop-bank }
spec: { application: shop, product: payments, plan: bank-starter }
"""
FREE = """\
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: bank-starter }
spec: { displayName: Starter }
"""


def test_a_plan_gets_prices_by_a_document_and_its_subscribers_move_by_a_command(apim: Run, tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(f"{FREE}---\n{API}")
    (tmp_path / "priced.yaml").write_text(f"{METER}---\n{STARTER}")
    assert apim("apply", "-f", "first.yaml").returncode == 0
    applied = apim("apply", "-f", "priced.yaml")
    assert applied.returncode == 0, applied.stderr
    assert "1 subscription keeps its earlier version; `apim plans migrate bank-starter`" in applied.stderr
    assert "update     Plan bank-starter: currency, interval, trial, prices, limits" in applied.stdout
    assert apim("apply", "-f", "priced.yaml", "--dry-run").returncode == 0  # applying again changes nothing

    exported = apim("get", "plan", "bank-starter", "-o", "yaml").stdout
    (tmp_path / "exported.yaml").write_text(exported)
    assert apim("apply", "-f", "exported.yaml", "--dry-run").returncode == 0
    assert yaml12.parse_yaml(exported)["spec"]["prices"][0]["amount"] == "29.00"
    assert "bank-calls" in apim("get", "meters", "-o", "table").stdout

    planned = apim("plans", "migrate", "bank-starter", "--dry-run", "-o", "json")
    (preview,) = json.loads(planned.stdout)["previews"]
    assert (preview["before"], preview["after"], preview["currency"]) == (None, "29.00", "EUR")
    assert Subscription.objects.get().plan_version.number == 1
    moved = apim("plans", "migrate", "bank-starter", "-o", "table")
    assert "1 moved to version 2." in moved.stderr
    assert Subscription.objects.get().plan_version == Plan.objects.get().versions.get(number=2)


def test_a_meter_that_is_not_there_is_named_with_its_line(apim: Run, tmp_path: Path) -> None:
    (tmp_path / "priced.yaml").write_text(f"{METER}---\n{STARTER.replace('meter: bank-calls', 'meter: bank-call')}")
    refused = apim("apply", "-f", "priced.yaml")
    assert refused.returncode == 1
    assert "There is no meter `bank-call`" in refused.stderr
    assert "Did you mean `bank-calls`?" in refused.stderr
    assert not Plan.objects.exists()
