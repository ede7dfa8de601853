"""Forms of policies: what documents wrote is shown so that saving it again changes nothing."""

from __future__ import annotations

from apim.console.forms.policies import policies_value, policy_forms
from gateway_sync.policies import parse_policy
from gateway_sync.problems import Where

WRITTEN = {
    "issuer": "https://login.example.com",
    "audiences": ["bank"],
    "claims": {"tier": ["gold", "silver"], "level": 3},
    "operationScopes": {"POST /transfers": "transfers:write accounts:read"},
    "headers": {"X-User": "sub"},
}


def test_a_jwt_policy_with_lists_in_its_claims_survives_the_form() -> None:
    shown = next(form for form in policy_forms(None, [{"jwt": WRITTEN}]) if form.kind == "jwt")
    data = {f"jwt-{name}": field.value() or "" for name, field in ((name, shown[name]) for name in shown.fields)}
    data = {name: value for name, value in data.items() if value != ""}
    rows = policy_forms(data, [])
    assert all(row.is_valid() for row in rows), [row.errors for row in rows]
    (saved,) = policies_value(rows)
    where = Where("version", "v")
    assert parse_policy("jwt", saved["jwt"], where) == parse_policy("jwt", WRITTEN, where)
