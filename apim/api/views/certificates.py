"""What gateways are called and show: /certificates, /hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import (
    find_certificate,
    find_host,
    named_environment,
    named_organization,
    require_admin,
    require_editable,
)
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.certificates import CertificateBody, CertificateShape, HostBody, HostChanges, HostShape
from apim.gateways.acme.orders import order_now
from apim.gateways.certificates import delete_certificate, save_certificate
from apim.gateways.hosts import delete_host, save_host
from apim.gateways.models import Certificate, Host
from apim.gateways.services import default_environment

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "not_after": "not_after"},
    default_sort="name",
    filters={"name": equals("name"), "environment": refers("environment")},
)
HOST_LISTING = Listing(
    sorts={"name": "name"},
    default_sort="name",
    filters={"name": equals("name"), "environment": refers("environment"), "api": equals("api")},
)


class Certificates(Resource):
    """/certificates"""

    @operation("list_certificates", tag="Gateways", scope="apis:read", lists=CertificateShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The certificates that the caller may see; all of them for admins."""
        rows = Certificate.objects.visible_to(request.user).select_related("environment", "organization")
        return page(request, rows.defer("key_sealed"), LISTING, CertificateShape)

    @operation(
        "save_certificate",
        tag="Gateways",
        scope="admin",
        body=CertificateBody,
        answers=CertificateShape,
        status=201,
        example={
            "name": "public",
            "chain": "-----BEGIN CERTIFICATE-----\n...",
            "private_key": "-----BEGIN PRIVATE KEY-----\n...",
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Keeps a certificate under its name, in place of the one before; the next who connect are shown it."""
        require_admin(request.user)
        data = self.read(CertificateBody)
        organization = data["organization"]
        certificate = save_certificate(
            environment=named_environment(data["environment"]) or default_environment(),
            name=data["name"],
            chain=data["chain"],
            key=data["private_key"],
            organization=named_organization(request.user, organization) if organization else None,
            by=request.actor,
        )
        return answer_created(request, certificate, CertificateShape, "certificates")


class OneCertificate(Resource):
    """/certificates/{certificate}"""

    @operation("get_certificate", tag="Gateways", scope="apis:read", answers=CertificateShape)
    def get(self, request: APIRequest, certificate: str) -> Response:
        """The certificate with this id or name, without its key."""
        return answer(request, find_certificate(request.user, certificate), CertificateShape)

    @operation("delete_certificate", tag="Gateways", scope="admin", answers=CertificateShape)
    def delete(self, request: APIRequest, certificate: str) -> Response:
        """Forgets the certificate and its key; answers with what it was."""
        found = find_certificate(request.user, certificate)
        require_editable(Certificate.objects.editable_by(request.user), found)
        response = answer(request, found, CertificateShape)
        delete_certificate(certificate=found, by=request.actor)
        return response


class Hosts(Resource):
    """/hosts"""

    @operation("list_hosts", tag="Gateways", scope="apis:read", lists=HostShape, listing=HOST_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The host names of the gateways, for admins and owners."""
        return page(
            request,
            Host.objects.visible_to(request.user).select_related("environment", "order__certificate"),
            HOST_LISTING,
            HostShape,
        )

    @operation(
        "save_host",
        tag="Gateways",
        scope="admin",
        body=HostBody,
        answers=HostShape,
        status=201,
        example={"name": "api.example.com", "api": "bank", "is_redirected_to_https": True},
    )
    def post(self, request: APIRequest) -> Response:
        """Names a host; of one that has the name already, changes the fields that are sent."""
        require_admin(request.user)
        data = self.read(HostBody)
        environment = named_environment(data.pop("environment")) or default_environment()
        host = save_host(environment=environment, name=data.pop("name"), changes=data, by=request.actor)
        return answer_created(request, host, HostShape, "hosts")


class OneHost(Resource):
    """/hosts/{host}"""

    @operation("get_host", tag="Gateways", scope="apis:read", answers=HostShape)
    def get(self, request: APIRequest, host: str) -> Response:
        """The host with this id or name."""
        return answer(request, find_host(request.user, host), HostShape)

    @operation("update_host", tag="Gateways", scope="admin", body=HostChanges, answers=HostShape)
    def patch(self, request: APIRequest, host: str) -> Response:
        """Changes the fields that are sent."""
        found = find_host(request.user, host)
        require_editable(Host.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, HostShape)
        changes = self.read(HostChanges)
        changed = save_host(environment=found.environment, name=found.name, changes=changes, by=request.actor)
        return answer(request, changed, HostShape)

    @operation("delete_host", tag="Gateways", scope="admin", answers=HostShape)
    def delete(self, request: APIRequest, host: str) -> Response:
        """Forgets the host; answers with what it was."""
        found = find_host(request.user, host)
        require_editable(Host.objects.editable_by(request.user), found)
        response = answer(request, found, HostShape)
        delete_host(host=found, by=request.actor)
        return response


class HostOrder(Resource):
    """/hosts/{host}/order"""

    @operation("order_host_certificate", tag="Gateways", scope="admin", answers=HostShape)
    def post(self, request: APIRequest, host: str) -> Response:
        """Orders the host's certificate by ACME, or renews it, at once; `order` tells how far it is."""
        found = find_host(request.user, host)
        require_editable(Host.objects.editable_by(request.user), found)
        order_now(host=found, by=request.actor)
        return answer(request, find_host(request.user, found.pk), HostShape)
