"""Applications and credentials: /applications, /credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from apim.access.models import Application, Credential
from apim.access.services import (
    create_application,
    create_credential,
    delete_application,
    register_certificate,
    register_client,
    resume_application,
    revoke_credential,
    roll_credential,
    suspend_application,
    update_application,
    update_credential,
)
from apim.accounts.permissions import own_team
from apim.api.lookups import (
    find_application,
    find_credential,
    find_product,
    named_environment,
    named_organization,
    require_admin,
    require_editable,
    require_giver,
    require_member,
)
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.access import (
    ApplicationBody,
    ApplicationChanges,
    ApplicationShape,
    CredentialBody,
    CredentialChanges,
    CredentialShape,
    IssuedKeyShape,
    RollBody,
)
from apim.api.serializers.accounts import ReasonBody
from apim.errors import Invalid

if TYPE_CHECKING:
    from apim.access.services import IssuedKey
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at", "updated_at": "updated_at"},
    default_sort="name",
    filters={
        "name": equals("name"),
        "organization": refers("organization"),
        "team": equals("team"),
        "state": equals("state", choices=tuple(Application.State.values)),
    },
)
CREDENTIAL_LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={
        "application": refers("application"),
        "environment": refers("environment"),
        "product": refers("product"),
        "state": equals("state", choices=tuple(Credential.State.values)),
        "prefix": equals("prefix"),
    },
)


class Applications(Resource):
    """/applications"""

    @operation("list_applications", tag="Access", scope="access:read", lists=ApplicationShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The applications of the caller's organizations, without those of other teams."""
        applications = Application.objects.visible_to(request.user).select_related("organization")
        return page(request, applications, LISTING, ApplicationShape)

    @operation(
        "create_application",
        tag="Access",
        scope="access:write",
        body=ApplicationBody,
        answers=ApplicationShape,
        status=201,
        example={"name": "shop", "organization": "acme"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes an application."""
        data = self.read(ApplicationBody)
        organization = named_organization(request.user, data.pop("organization"))
        require_member(request.user, organization)
        data.setdefault("team", own_team(request.user, organization.pk))
        require_giver(request.user, organization, data["team"])
        application = create_application(organization=organization, by=request.actor, **data)
        return answer_created(request, application, ApplicationShape, "applications")


class OneApplication(Resource):
    """/applications/{application}"""

    @operation("get_application", tag="Access", scope="access:read", answers=ApplicationShape)
    def get(self, request: APIRequest, application: str) -> Response:
        """The application with this id, `organization:name`, or name."""
        return answer(request, find_application(request.user, application), ApplicationShape)

    @operation(
        "update_application", tag="Access", scope="access:write", body=ApplicationChanges, answers=ApplicationShape
    )
    def patch(self, request: APIRequest, application: str) -> Response:
        """Changes the fields that are sent."""
        found, changes = self._lock(request, application), self.read(ApplicationChanges)
        require_giver(request.user, found.organization, changes.get("team", found.team))
        changed = update_application(application=found, changes=changes, by=request.actor)
        return answer(request, changed, ApplicationShape)

    @operation("delete_application", tag="Access", scope="access:write", status=204)
    def delete(self, request: APIRequest, application: str) -> Response:
        """Deletes the application; its keys stop working."""
        delete_application(application=self._lock(request, application), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Application:
        application = find_application(request.user, reference)
        require_editable(Application.objects.editable_by(request.user), application)
        lock(application)
        check_match(request, application, ApplicationShape)
        return application


class SuspendApplication(Resource):
    """/applications/{application}/suspend"""

    @operation(
        "suspend_application",
        tag="Access",
        scope="admin",
        body=ReasonBody,
        answers=ApplicationShape,
        example={"reason": "Key found in a public repository"},
    )
    def post(self, request: APIRequest, application: str) -> Response:
        """Refuses all calls of the application until it is resumed."""
        found = find_application(request.user, application)
        require_admin(request.user)
        reason = self.read(ReasonBody)["reason"]
        return answer(
            request, suspend_application(application=found, by=request.actor, reason=reason), ApplicationShape
        )


class ResumeApplication(Resource):
    """/applications/{application}/resume"""

    @operation("resume_application", tag="Access", scope="admin", answers=ApplicationShape)
    def post(self, request: APIRequest, application: str) -> Response:
        """Lets a suspended application call again."""
        found = find_application(request.user, application)
        require_admin(request.user)
        return answer(request, resume_application(application=found, by=request.actor), ApplicationShape)


class Credentials(Resource):
    """/credentials"""

    @operation("list_credentials", tag="Access", scope="access:read", lists=CredentialShape, listing=CREDENTIAL_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The keys of the caller's applications, without the keys themselves."""
        related = ("application__organization", "environment", "product")
        credentials = Credential.objects.visible_to(request.user).select_related(*related)
        return page(request, credentials, CREDENTIAL_LISTING, CredentialShape)

    @operation(
        "create_credential",
        tag="Access",
        scope="access:write",
        body=CredentialBody,
        answers=IssuedKeyShape,
        status=201,
        example={"application": "shop", "product": "bank-payments"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a key, or registers a client or certificate; it never subscribes.

        The key is in this answer only; with an Idempotency-Key the same answer can be read again for 24 hours.
        """
        data = self.read(CredentialBody)
        application = find_application(request.user, data["application"])
        require_editable(Application.objects.editable_by(request.user), application)
        asked: dict[str, Any] = {
            "application": application,
            "by": request.actor,
            "creator": request.user,
            "environment": named_environment(data["environment"]),
            "product": find_product(request.user, data["product"]) if data["product"] else None,
            "label": data["label"],
            "expires_at": data["expires_at"],
        }
        if data["certificate"] and (data["issuer"] or data["client_id"]):
            message = "A credential is a client or a certificate, not both."
            raise Invalid("request.one_kind", message, field="certificate", hint="Register one at a time.")
        if data["certificate"]:
            registered = register_certificate(certificate=data["certificate"], **asked)
            return answer_created(request, registered, IssuedKeyShape, "credentials", key="")
        if data["issuer"] or data["client_id"]:
            client = register_client(issuer=data["issuer"], client_id=data["client_id"], **asked)
            return answer_created(request, client, IssuedKeyShape, "credentials", key="")
        issued = create_credential(**asked, allowed_networks=data["allowed_networks"])
        return answer_created(request, issued.credential, IssuedKeyShape, "credentials", key=issued.key)


class OneCredential(Resource):
    """/credentials/{credential}"""

    @operation("get_credential", tag="Access", scope="access:read", answers=CredentialShape)
    def get(self, request: APIRequest, credential: str) -> Response:
        """One key's state, without the key."""
        return answer(request, find_credential(request.user, credential), CredentialShape)

    @operation("update_credential", tag="Access", scope="access:write", body=CredentialChanges, answers=CredentialShape)
    def patch(self, request: APIRequest, credential: str) -> Response:
        """Changes the fields that are sent; networks are in force within a second."""
        found = find_credential(request.user, credential)
        require_editable(Credential.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, CredentialShape)
        changes = self.read(CredentialChanges)
        return answer(request, update_credential(credential=found, changes=changes, by=request.actor), CredentialShape)


class RollCredential(Resource):
    """/credentials/{credential}/roll"""

    @operation(
        "roll_credential",
        tag="Access",
        scope="access:write",
        body=RollBody,
        answers=IssuedKeyShape,
        status=201,
        example={"overlap_s": 86_400},
    )
    def post(self, request: APIRequest, credential: str) -> Response:
        """Makes a new key in place of this one; the old one works for `overlap_s` more seconds."""
        found = find_credential(request.user, credential)
        require_editable(Credential.objects.editable_by(request.user), found)
        issued: IssuedKey = roll_credential(
            credential=found, by=request.actor, overlap_s=self.read(RollBody)["overlap_s"], creator=request.user
        )
        return answer_created(request, issued.credential, IssuedKeyShape, "credentials", key=issued.key)


class RevokeCredential(Resource):
    """/credentials/{credential}/revoke"""

    @operation("revoke_credential", tag="Access", scope="access:write", body=ReasonBody, answers=CredentialShape)
    def post(self, request: APIRequest, credential: str) -> Response:
        """Ends the key at once and for ever."""
        found = find_credential(request.user, credential)
        require_editable(Credential.objects.editable_by(request.user), found)
        data: dict[str, Any] = self.read(ReasonBody)
        return answer(
            request, revoke_credential(credential=found, by=request.actor, reason=data["reason"]), CredentialShape
        )
