"""What an installation needs before anybody works with it.

Owns: the embedded gateway's credentials, the first admin, the example and the keys of script/up. Each function leaves
alone what is there already. Must not know: processes and ports, beyond what it is told.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from apim.access.models import Application, Credential
from apim.access.services import create_credential, revoke_credential
from apim.accounts.models import APIToken, User
from apim.accounts.scopes import SCOPES
from apim.accounts.services import (
    actor_of,
    create_user,
    default_organization,
    installation,
    issue_token,
    new_set_up_link,
    revoke_token,
    set_up,
)
from apim.audit.actor import system_actor
from apim.catalog.models import API
from apim.documents.services import apply_documents
from apim.errors import Invalid
from apim.gateways.joining import gateway_credentials
from apim.gateways.models import Environment
from apim.gateways.services import authenticate_gateway, default_environment, enroll_gateway, update_environment

LAUNCHER = system_actor("script/up")
GATEWAY_NAME = "embedded"
SET_UP_PATH = "/setup?token="
EXAMPLE_PORT = 9101
EXAMPLE_PATH = "/bank/v1/accounts"
EXAMPLE_API = "bank"
EXAMPLE_APPLICATION = "shop"
EXAMPLE_ORGANIZATION = "acme"
_LABEL = "script/up"
_FRESH_LABEL = "script/up --json"
_PASSWORD_BYTES = 32
_LAUNCHER_EMAIL = "script-up@localhost.localdomain"


def enroll_embedded_gateway(*, path: Path, control_url: str, gateway_url: str, name: str = GATEWAY_NAME) -> None:
    """Write the credentials of a gateway that runs beside this control plane; a token that still works is kept."""
    environment = default_environment()
    _tell_address(environment, gateway_url)
    stored = json.loads(path.read_text()) if path.exists() else {}
    token = stored.get("token", "")
    if not environment.gateways.exists():  # the first start: later ones leave the choice to the administrators
        update_environment(environment=environment, changes={"has_sandbox": True}, by=LAUNCHER)
    if not token or authenticate_gateway(token) is None:
        token = enroll_gateway(environment=environment, name=name, by=LAUNCHER).token
    wanted = {
        "control_url": control_url,
        "redis_url": settings.ENV.redis_url,
        **gateway_credentials(environment, token),
    }
    if stored != wanted:
        _write_private(path, json.dumps(wanted))


def make_admin(*, email: str, password: str, base_url: str) -> str:
    """The link that makes the first admin; "" when there is one, or when email names who it is to be."""
    default_organization()
    if installation().set_up_at:
        return ""
    secret = new_set_up_link()
    if not email:
        return f"{base_url}{SET_UP_PATH}{secret}"
    if not password:
        message = "APIM_ADMIN_EMAIL is set, but APIM_ADMIN_PASSWORD is not."
        raise Invalid("accounts.password_missing", message, field="password", hint="Set both, or neither.")
    set_up(token=secret, email=email, password=password, organization_name="Default", base_url=base_url)
    return ""


def load_example(*, path: Path, port: int) -> bool:
    """True when the example is there, loaded just now or at an earlier start and not deleted since."""
    marker = settings.ENV.home / "run" / "example-loaded"
    if not marker.exists() and not API.objects.exists():
        apply_documents(
            text=_moved(path.read_text(), port),
            files={
                f"./{file.relative_to(path.parent)}": file.read_text() for file in sorted(path.parent.glob("openapi/*"))
            },
            user=_launcher_user(),
            by=LAUNCHER,
        )
        marker.touch()
    return API.objects.filter(name=EXAMPLE_API).exists() and _example_application() is not None


def issue_start_token() -> str:
    """A fresh API token of an admin; the one of the last start is revoked."""
    user = _launcher_user()
    for token in APIToken.objects.filter(name=_FRESH_LABEL, revoked_at=None):
        revoke_token(token=token, by=LAUNCHER)
    return issue_token(user=user, name=_FRESH_LABEL, scopes=sorted(SCOPES), by=actor_of(user)).secret


def issue_example_key(*, is_fresh: bool) -> str:
    """A key of the example's application.

    Shapes: fresh = always a new one, and the last fresh one is revoked; else "" when a start issued one before, since
    people may use it and keys are shown once.
    """
    application = _example_application()
    if application is None:
        return ""
    label = _FRESH_LABEL if is_fresh else _LABEL
    earlier = Credential.objects.filter(application=application, label=label, state=Credential.State.ACTIVE)
    if not is_fresh and earlier.exists():
        return ""
    for credential in earlier:
        revoke_credential(credential=credential, by=LAUNCHER)
    return create_credential(application=application, by=LAUNCHER, label=label).key


def _tell_address(environment: Environment, gateway_url: str) -> None:
    is_ours = not environment.base_url or environment.base_url.startswith(("http://127.0.0.1:", "http://[::1]:"))
    if is_ours and environment.base_url != gateway_url:
        update_environment(environment=environment, changes={"base_url": gateway_url}, by=LAUNCHER)


def _example_application() -> Application | None:
    return Application.objects.filter(
        organization__name=EXAMPLE_ORGANIZATION, name=EXAMPLE_APPLICATION, state=Application.State.ACTIVE
    ).first()


@transaction.atomic
def _launcher_user() -> User:
    """The first admin; before there is one, an admin for script/up itself, with whom nobody can log in."""
    user: User | None = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at").first()
    if user is None:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)  # known to nobody
        user = create_user(email=_LAUNCHER_EMAIL, name=_LABEL, password=password, by=LAUNCHER, is_platform_admin=True)
    return user


def _moved(text: str, port: int) -> str:
    """The example's documents with the sample services where this start put them."""
    for offset in (1, 0):
        text = text.replace(f"127.0.0.1:{EXAMPLE_PORT + offset}", f"127.0.0.1:{port + offset}")
    return text


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
