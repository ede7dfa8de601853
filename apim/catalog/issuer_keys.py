"""The keys of issuers: fetched here for the policies that run, so that no gateway ever has to.

Owns: when they are fetched and what is believed of them. A set that cannot be fetched or read leaves the one before in
force, and says so on the pages of the versions that use it. The network rules are those of fetched documents.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apim import broker
from apim.accounts.models import User
from apim.catalog.constants import REFRESH_KEYS_TASK
from apim.catalog.fetch import fetch_document
from apim.catalog.models import Deployment, IssuerKeys
from apim.errors import DomainError, Invalid
from apim.gateways.models import Environment, Issuer
from apim.gateways.services import touch
from apim.notifications.posting import post
from gateway_sync.policies import jwt
from gateway_sync.policies.token_issuers import ISSUER, is_web_address, source_of
from gateway_sync.policies.web_keys import WebKeyInvalid, json_object, public_key_set
from gateway_sync.problems import Where

logger = logging.getLogger(__name__)

REFRESH_EVERY: Final = timedelta(minutes=5)
RETRY_EVERY: Final = timedelta(seconds=50)
LONGEST_RUN_S: Final = 40.0  # for what nobody registered; the next run goes on
_ISSUER_PATHS: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
_WHERE: Final = Where("version", "")


def refresh_due(*, at_once: str = "") -> int:
    """How many sets of keys changed. What no policy names any longer is forgotten; at_once names what is due now."""
    now = timezone.now()
    registered = registered_sources()
    wanted = wanted_sources()
    IssuerKeys.objects.exclude(source__in=wanted).delete()
    known = {row.source: row for row in IssuerKeys.objects.all()}
    due = [source for source in sorted(wanted) if source == at_once or _is_due(known.get(source), now)]
    # Those that admins registered come first: slow addresses in the policies of one owner must not keep them waiting,
    # nor the owner who has just published.
    due.sort(key=lambda source: (source not in registered, source != at_once, known.get(source) is not None))
    last = time.monotonic() + LONGEST_RUN_S
    return sum(refresh(source) for source in due if source in registered or time.monotonic() < last)


def _is_due(row: IssuerKeys | None, now: datetime) -> bool:
    return row is None or row.checked_at + (RETRY_EVERY if row.fault else REFRESH_EVERY) <= now


def refresh(source: str) -> bool:
    """True when the keys of a source, or what is wrong with them, are others than before."""
    fault = keys = ""
    try:
        keys = fetch_keys(source)
    except (DomainError, WebKeyInvalid) as error:
        fault = str(error)[:255]
        logger.warning("the keys of %s were not fetched: %s", source, error)
    return _keep(source, keys, fault)


@transaction.atomic
def _keep(source: str, keys: str, fault: str) -> bool:
    now = timezone.now()
    row, is_new = IssuerKeys.objects.select_for_update().get_or_create(source=source, defaults={"checked_at": now})
    before = (row.keys, row.fault)
    row.checked_at, row.fault = now, fault
    if not fault:
        row.keys, row.fetched_at = keys, now
    row.save()
    is_changed = is_new or before != (row.keys, row.fault)
    if is_changed:
        touch(Environment.objects.values_list("id", flat=True))
    if fault and not before[1]:
        _warn(row)
    return is_changed


def _warn(row: IssuerKeys) -> None:
    """Mail the admins, once for each time that fetching begins to fail."""
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
    kept, refused = _("The keys of before stay in force."), _("Its tokens are refused until this is mended.")
    post(
        "catalog.issuer_keys",
        to=list(admins.values_list("email", flat=True)),
        values={"issuer": row.source, "fault": row.fault, "outcome": kept if row.keys else refused},
    )


def fetch_keys(source: str) -> str:
    """The canonical set of a source. Errors: DomainError, WebKeyInvalid."""
    if source.startswith(ISSUER):
        return public_key_set(fetch_document(_discovered(source.removeprefix(ISSUER))))
    return public_key_set(fetch_document(source))


def _discovered(issuer: str) -> str:
    """Where an issuer says that its keys are (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3)."""
    parts = urlsplit(issuer)
    openid, oauth = _ISSUER_PATHS
    addresses = (
        issuer.rstrip("/") + openid,
        urlunsplit((parts.scheme, parts.netloc, oauth + parts.path.rstrip("/"), "", "")),
    )
    text, fault = "", None
    for address in addresses:
        try:
            text = fetch_document(address)
            break
        except DomainError as error:
            fault = fault or error
    if not text:
        raise fault or Invalid("catalog.discovery", "The issuer tells nothing about itself.")
    try:
        told = json_object(text)
    except ValueError as error:
        raise Invalid("catalog.discovery", "What the issuer tells about itself is no JSON object.") from error
    if told.get("issuer") != issuer:
        raise Invalid("catalog.discovery", "What is told there is about another issuer.")
    keys_at = told.get("jwks_uri")
    if not isinstance(keys_at, str) or not is_web_address(keys_at):
        raise Invalid("catalog.discovery", "The issuer does not tell where its keys are.")
    return keys_at


def wanted_sources() -> set[str]:
    """What policies that run and registrations want fetched."""
    return registered_sources() | {jwt.key_source(policy) for policy in wanting_policies()} - {""}


def registered_sources() -> set[str]:
    """What the issuers that admins registered want fetched."""
    found = Issuer.objects.values_list("issuer", "jwks", "jwks_url")
    return {source_of(*one) for one in found} - {""}


def wanting_policies() -> list[jwt.JWT]:
    """The jwt policies of all that runs."""
    deployed = Deployment.objects.exclude(version__state="retired").values_list("revision__policies", flat=True)
    lists = [*deployed, *Environment.objects.values_list("policies", flat=True)]
    return [policy for policies in lists for policy in policies_in(policies)]


def policies_in(policies: object) -> list[jwt.JWT]:
    """The jwt policies among those of a revision or environment; broken ones are told by the compiler."""
    found = []
    for written in policies if isinstance(policies, list) else []:
        settings_of = written.get(jwt.KIND) if isinstance(written, dict) else None
        if isinstance(settings_of, dict):
            own = {name: value for name, value in settings_of.items() if name != "operations"}
            policy, _ = jwt.parse(own, _WHERE)
            found += [policy] if policy is not None else []
    return found


def announce_on_commit(policies: object) -> None:
    """Have the keys that these policies need fetched once the transaction commits; the clock finds what is lost."""
    for source in sorted({jwt.key_source(policy) for policy in policies_in(policies)} - {""}):
        announce_source_on_commit(source)


def announce_source_on_commit(source: str) -> None:
    """Have the keys of one source fetched once the transaction commits."""
    transaction.on_commit(partial(broker.announce, REFRESH_KEYS_TASK, (source,)))
