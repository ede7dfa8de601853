"""Imports as jobs: a document that takes longer than somebody should wait for a page."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization, User
from apim.accounts.permissions import is_admin, organization_ids
from apim.audit.actor import Actor
from apim.catalog.models import API, APIVersion
from apim.catalog.services import import_document, save_revision
from apim.errors import Forbidden
from apim.jobs.kinds import JobKind, declare
from apim.jobs.models import Job
from apim.jobs.services import ask
from apim.jobs.work import Work

IMPORT: Final = "import"
REIMPORT: Final = "reimport"
AT_ONCE: Final = 400_000  # characters; a document of that length takes about a second
_READING: Final = gettext_noop("The document is read.")


def ask_for_import(
    *,
    source: str,
    api_name: str,
    version_name: str,
    upstream_url: str,
    organization: Organization,
    by: Actor,
    user: User,
    page: str,
    result: str,
) -> Job:
    """The job that does what import_document does. Shapes: result = the page that shows what was made; page as ask."""
    wanted = {
        "document": source,
        "api": api_name,
        "version": version_name,
        "upstream": upstream_url,
        "organization": organization.pk,
        "result": result,
    }
    name = f"{api_name} {version_name}"
    return ask(kind=IMPORT, subject=name, title=name, wanted=wanted, by=by, user=user, page=page)


def ask_for_reimport(
    *, version: APIVersion, source: str, note: str, by: Actor, user: User, page: str, result: str
) -> Job:
    """The job that keeps a changed document of a version as its next revision. Shapes: as in ask_for_import."""
    wanted = {"document": source, "version": version.pk, "note": note, "result": result}
    return ask(kind=REIMPORT, subject=version.pk, title=str(version), wanted=wanted, by=by, user=user, page=page)


def _import(work: Work) -> None:
    wanted = work.wanted
    work.report(0, 0, _READING)
    with transaction.atomic():
        organization = Organization.objects.get(pk=wanted["organization"])
        _require_owner(work, organization, wanted["api"])
        import_document(
            source=wanted["document"],
            api_name=wanted["api"],
            version_name=wanted["version"],
            upstream_url=wanted["upstream"],
            organization=organization,
            by=work.by,
        )
        work.finish(wanted["result"])


def _reimport(work: Work) -> None:
    wanted = work.wanted
    work.report(0, 0, _READING)
    with transaction.atomic():
        versions = APIVersion.objects.filter(pk=wanted["version"], api__in=API.objects.editable_by(work.asker))
        version = versions.select_related("api").first()
        if version is None:
            raise _forbidden()
        save_revision(version=version, by=work.by, document=wanted["document"], note=wanted["note"])
        work.finish(wanted["result"])


def _require_owner(work: Work, organization: Organization, api_name: str) -> None:
    """Asked for and done are two moments: who asked must still be allowed to."""
    user = work.asker
    owned = Organization.objects.filter(pk=organization.pk, id__in=organization_ids(user, Membership.Role.OWNER))
    api = API.objects.filter(name=api_name, organization=organization).first()
    is_owner = is_admin(user) or owned.exists()
    if not is_owner or (api is not None and not API.objects.editable_by(user).filter(pk=api.pk).exists()):
        raise _forbidden()


def _forbidden() -> Forbidden:
    return Forbidden("catalog.not_yours", gettext("It is not yours to change any more."))


declare(
    JobKind(IMPORT, _("Import"), _import, scope="apis:write"),
    JobKind(REIMPORT, _("Import again"), _reimport, scope="apis:write"),
)
