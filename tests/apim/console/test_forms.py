"""Forms of policies: what documents wrote is shown so that saving it again changes nothing."""

from __future__ import annotations

from django import forms
from django.template import Context, Template

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


def test_what_is_wrong_is_known_of_a_kind_that_has_a_setting_named_errors() -> None:
    (form,) = [form for form in policy_forms({"jwt-is_on": "on"}, []) if form.kind == "jwt"]
    form.fields["errors"] = forms.CharField(required=False)
    assert not form.is_valid()
    shown = Template("{% if row.policy_errors %}wrong{% endif %}")
    assert shown.render(Context({"row": form})) == "wrong"
    (well,) = [form for form in policy_forms({}, []) if form.kind == "jwt"]
    well.fields["errors"] = forms.CharField(required=False)
    assert well.is_valid()
    assert shown.render(Context({"row": well})) == ""
