"""The command against a control plane that listens: real HTTP, real processes."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml12

from apim.access.models import Credential, Subscription
from apim.catalog.models import API, Deployment
from apim.config.env import ROOT
from tests.apim.cli.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

OPENAPI = """\
openapi: 3.0.3
info: { title: Accounts, version: "1" }
paths:
  /accounts:
    get: { responses: { "200": { description: ok } } }
"""
FIRST = """\
apiVersion: apim.dev/v1
kind: Organization
metadata: { name: acme }
spec: { displayName: Acme Ltd }
---
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank, labels: { team: payments } }
spec:
  displayName: Bank API
  versions:
    - name: v1
      lifecycle: { state: published }
      spec: { $file: ./openapi/accounts.yaml }
      upstream: { targets: [{ url: "http://127.0.0.1:9101", weight: 100 }], timeout: 5s }
---
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: starter }
spec: { displayName: Starter, approval: auto, limits: [{ rate: 10/s, burst: 10 }, { quota: 1000, per: month }] }
---
apiVersion: apim.dev/v1
kind: Product
metadata: { name: bank-payments }
spec: { displayName: Bank payments, apis: [{ api: bank, versions: [v1] }], plans: [starter] }
---
apiVersion: apim.dev/v1
kind: Application
metadata: { name: shop }
spec: { organization: acme }
---
apiVersion: apim.dev/v1
kind: Subscription
metadata: { name: shop-bank }
spec: { application: shop, product: bank-payments, plan: starter }
"""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The smallest complete set of documents, with its OpenAPI file beside it."""
    (tmp_path / "docs" / "openapi").mkdir(parents=True)
    (tmp_path / "docs" / "openapi" / "accounts.yaml").write_text(OPENAPI)
    path = tmp_path / "docs" / "first.yaml"
    path.write_text(FIRST)
    return path


def test_documents_are_planned_applied_and_applied_again_without_change(apim: Run, first: Path) -> None:
    planned = apim("apply", "-f", str(first), "--dry-run")
    assert planned.returncode == 2, planned.stderr
    assert not API.objects.exists()
    applied = apim("apply", "-f", str(first))
    assert applied.returncode == 0, applied.stderr
    assert "create     Subscription" in applied.stdout
    assert Subscription.objects.get().lifecycle == "active"
    again = apim("apply", "-f", str(first), "--dry-run", "-o", "json")
    assert again.returncode == 0, again.stderr
    assert {change["action"] for change in json.loads(again.stdout)["changes"]} == {"unchanged"}


def test_a_fault_in_a_document_is_told_with_file_line_and_nearest_name(apim: Run, first: Path) -> None:
    good = first.with_name("a.yaml")
    good.write_text("apiVersion: apim.dev/v1\nkind: Organization\nmetadata: { name: globex }\n")
    first.write_text(FIRST.replace("approval: auto", "aproval: auto"))
    result = apim("apply", "-f", str(good), "-f", str(first))
    assert result.returncode == 1
    assert "approval" in result.stderr
    assert f"{first} line 20" in result.stderr
    assert not API.objects.exists()


def test_faults_of_several_files_are_each_told_with_their_file_and_line(apim: Run, first: Path) -> None:
    broken = first.with_name("broken.yaml")
    broken.write_text(
        "---\napiVersion: apim.dev/v1\nkind: Organization\nmetadata: { name: globex }\nspec:\n"
        "  displayName:\n    $env: NAME  # of this process\n  colour: red\n"
    )
    first.write_text(FIRST.replace("approval: auto", "aproval: auto"))
    result = apim("apply", "-f", str(broken), "-f", str(first), env={"NAME": "Globex: 1"})
    assert result.returncode == 1
    assert f"{broken} line 8: Organization globex: Unknown field `colour`." in result.stderr
    assert f"{first} line 20: " in result.stderr


def test_a_directory_is_applied_whole_and_equal_file_names_are_kept_apart(apim: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "openapi.yml.txt").write_text(OPENAPI.replace("/accounts", f"/{name}"))
        (tmp_path / name / "apim.yaml").write_text(
            f"apiVersion: apim.dev/v1\nkind: API\nmetadata: {{ name: {name} }}\nspec:\n  versions:\n    - name: v1\n"
            "      spec: { $file: ./openapi.yml.txt }\n"
        )
    result = apim("apply", "-f", "one", "-f", "two")
    assert result.returncode == 0, result.stderr
    paths = {api.name: api.versions.get().revisions.get().operations[0]["path"] for api in API.objects.all()}
    assert paths == {"one": "/one", "two": "/two"}


def test_env_comes_from_the_command_never_from_the_server(
    apim: Run, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTREAM", "http://127.0.0.1:1")
    first.write_text(FIRST.replace('"http://127.0.0.1:9101"', "{ $env: UPSTREAM }"))
    missing = apim("apply", "-f", str(first))
    assert (missing.returncode, API.objects.exists()) == (1, False)
    assert "UPSTREAM" in missing.stderr
    given = apim("apply", "-f", str(first), env={"UPSTREAM": "http://127.0.0.1:9109"})
    assert given.returncode == 0, given.stderr
    assert Deployment.objects.get().revision.upstream["targets"][0]["url"] == "http://127.0.0.1:9109"


def test_what_get_prints_is_applied_elsewhere_unchanged(apim: Run, first: Path, tmp_path: Path) -> None:
    apim("apply", "-f", str(first))
    printed = apim("get", "all", "-o", "yaml")
    assert printed.returncode == 0, printed.stderr
    copy = tmp_path / "copy.yaml"
    copy.write_text(printed.stdout)
    again = apim("apply", "-f", str(copy), "--dry-run")
    assert again.returncode == 0, again.stdout + again.stderr
    one = apim("get", "product", "bank-payments", "-o", "yaml")
    assert yaml12.parse_yaml(one.stdout)["metadata"]["name"] == "bank-payments"
    assert json.loads(apim("get", "API", "bank", "-o", "json").stdout)[0]["kind"] == "API"
    table = apim("get", "apis", "-o", "table")
    assert "Bank API" in table.stdout
    missing = apim("get", "api", "bnk", "-o", "table")
    assert (missing.returncode, missing.stdout) == (1, "")
    unknown = apim("get", "prodct")
    assert unknown.returncode == 1
    assert "product" in unknown.stderr


def test_the_key_stands_alone_on_standard_output(apim: Run, first: Path) -> None:
    apim("apply", "-f", str(first))
    created = apim("keys", "create", "--app", "shop")
    assert created.returncode == 0, created.stderr
    assert len(created.stdout.split()) == 1
    assert Credential.objects.get().prefix == created.stdout.strip()[: len(Credential.objects.get().prefix)]
    as_json = json.loads(
        apim("keys", "create", "--app", "acme/shop", "--product", "bank-payments", "-o", "json").stdout
    )
    assert as_json.keys() == {"id", "key", "prefix"}
    listed = json.loads(apim("keys", "list", "--app", "shop", "-o", "json").stdout)
    assert len(listed) == 2
    assert created.stdout.strip() not in json.dumps(listed)
    rolled = apim("keys", "roll", as_json["id"], "--overlap", "1h")
    assert rolled.returncode == 0, rolled.stderr
    assert rolled.stdout.strip() not in {created.stdout.strip(), as_json["key"]}
    revoked = apim("keys", "revoke", as_json["id"])
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert Credential.objects.get(pk=as_json["id"]).state == "revoked"


def test_a_certificate_is_a_file_or_a_fingerprint_and_no_client(apim: Run, tmp_path: Path) -> None:
    result = apim("keys", "create", "--app", "shop", "--certificate", str(tmp_path / "none.pem"))
    assert result.returncode == 1
    assert "cannot be read" in result.stderr
    result = apim("keys", "create", "--app", "shop", "--certificate", "ab" * 32, "--issuer", "a", "--client-id", "b")
    assert "two kinds of credentials" in result.stderr


def test_a_client_needs_its_issuer_and_its_id(apim: Run) -> None:
    result = apim("keys", "create", "--app", "shop", "--issuer", "https://login.example.com")
    assert result.returncode == 1
    assert "--issuer and --client-id belong together" in result.stderr


def test_usage_is_calls_by_status(apim: Run, first: Path) -> None:
    apim("apply", "-f", str(first))
    usage = apim("usage", "--app", "shop")
    assert json.loads(usage.stdout) == {"calls": 0, "by_status": {}}


def test_import_publish_and_rollback(apim: Run, first: Path) -> None:
    source = str(first.parent / "openapi" / "accounts.yaml")
    names = ("--name", "bank", "--version", "v1", "--upstream", "http://127.0.0.1:9101")
    imported = apim("import", source, *names, "--publish")
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout == "bank v1: revision 1, published\n"
    Path(source).write_text(OPENAPI.replace("/accounts", "/cards"))
    changed = apim("import", source, *names)
    assert "removed GET /accounts" in changed.stdout
    assert apim("publish", "bank", "v1").stdout == "bank v1: published, revision 2 in default\n"
    assert apim("rollback", "bank:v1").returncode == 0
    assert Deployment.objects.get().revision.number == 1
    assert "Which version" in apim("publish", "bank").stderr


def test_a_bad_document_is_refused_with_its_place(apim: Run, first: Path) -> None:
    broken = first.with_name("broken.yaml")
    broken.write_text("openapi: 3.0.3\npaths: [\n")
    result = apim("import", str(broken), "--name", "bank", "--version", "v1", "--upstream", "http://127.0.0.1:9101")
    assert "Line 3" in result.stderr
    assert "Traceback" not in result.stderr


def test_describe_shows_what_belongs_to_an_object(apim: Run, first: Path) -> None:
    apim("apply", "-f", str(first))
    shown = json.loads(apim("describe", "application", "acme:shop", "-o", "json").stdout)
    assert shown["subscriptions"][0]["product"] == "bank-payments"
    assert json.loads(apim("describe", "version", "bank:v1", "-o", "json").stdout)["state"] == "published"
    assert "There is no" in apim("describe", "api", "nonsense").stderr


def test_gateways_and_trace(apim: Run) -> None:
    assert json.loads(apim("gateways", "-o", "json").stdout) == []
    missing = apim("trace", "req_unknown")
    assert missing.returncode == 1
    assert "within 5 seconds" in missing.stderr
    assert "(request req_" in missing.stderr


@pytest.mark.usefixtures("apim")
def test_login_keeps_the_token_for_its_owner_alone(bare: Run, environ: dict[str, str], tmp_path: Path) -> None:
    token = environ.pop("APIM_TOKEN")
    url = environ.pop("APIM_URL")
    refused = bare("login", "--url", url, input="nonsense\n")
    assert refused.returncode == 1
    done = bare("login", "--url", url, input=f"{token}\n")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "config" / "apim" / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert bare("get", "plans", "-o", "json").returncode == 0
    elsewhere = bare("get", "plans", env={"APIM_URL": "http://127.0.0.1:9"})
    assert "There is no token for http://127.0.0.1:9" in elsewhere.stderr


def test_names_and_messages_of_others_cannot_steer_the_terminal(apim: Run, first: Path) -> None:
    first.write_text(FIRST.replace("Bank API", '"\\e[2J\\e]0;owned\\a"'))
    assert apim("apply", "-f", str(first)).returncode == 0
    assert "\x1b" not in apim("get", "apis", "-o", "table").stdout


def test_a_reader_that_leaves_early_gets_no_traceback(apim: Run, environ: dict[str, str], first: Path) -> None:
    first.write_text(
        FIRST
        + "".join(
            f"---\napiVersion: apim.dev/v1\nkind: Application\nmetadata: {{ name: app-{number} }}\n"
            "spec: { organization: acme }\n"
            for number in range(150)
        )
    )
    assert apim("apply", "-f", str(first)).returncode == 0
    command = [sys.executable, "-m", "apim.cli", "get", "applications", "-o", "json"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(60), errors) == (1, "")


def test_the_example_of_the_repository_applies(apim: Run) -> None:
    result = apim("apply", "-f", str(ROOT / "examples" / "bank" / "apim.yaml"))
    assert result.returncode == 0, result.stderr
