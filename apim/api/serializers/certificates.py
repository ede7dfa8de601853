"""Shapes of certificates and hosts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.gateways.chains import LONGEST_PEM
from apim.gateways.models import Certificate, CertificateOrder, Host


class CertificateShape(serializers.ModelSerializer[Certificate]):
    """A TLS certificate; its private key is never shown."""

    environment = serializers.CharField(source="environment.name")
    organization = serializers.CharField(
        source="organization.name", default="", help_text="Whose APIs show it to services; empty: gateways to callers."
    )
    hosts = serializers.ListField(child=serializers.CharField(), help_text="The names that it is good for.")

    class Meta:
        model = Certificate
        fields = (
            "id",
            "name",
            "environment",
            "organization",
            "hosts",
            "subject",
            "issuer",
            "fingerprint",
            "not_before",
            "not_after",
            "chain",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CertificateBody(Body):
    """A certificate with its key."""

    name = serializers.SlugField(max_length=60)
    chain = serializers.CharField(max_length=LONGEST_PEM, help_text="PEM, the certificate itself first.")
    private_key = serializers.CharField(
        max_length=LONGEST_PEM, write_only=True, help_text="PEM without a passphrase; never shown again."
    )
    environment = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    organization = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")


class OrderShape(serializers.ModelSerializer[CertificateOrder]):
    """How far a certificate by ACME is."""

    state = serializers.ChoiceField(choices=CertificateOrder.State.choices)
    fault = serializers.CharField(help_text="Why the last try failed; empty when it did not.")
    due_at = serializers.DateTimeField(help_text="When the next step is due: a try, or the renewal.")
    certificate = serializers.CharField(source="certificate.name", default="", help_text="The one that is shown.")

    class Meta:
        model = CertificateOrder
        fields = ("state", "fault", "failures", "due_at", "certificate")
        read_only_fields = fields


class HostShape(serializers.ModelSerializer[Host]):
    """A host name of an environment's gateways."""

    environment = serializers.CharField(source="environment.name")
    order = OrderShape(default=None, help_text="Where its certificate comes by ACME; else null.")

    class Meta:
        model = Host
        fields = (
            "id",
            "name",
            "environment",
            "api",
            "version",
            "base_path",
            "is_redirected_to_https",
            "hsts_max_age_s",
            "client_certificates",
            "client_ca",
            "certificate_source",
            "order",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class HostChanges(Body):
    """What holds for callers of a host."""

    api = serializers.CharField(max_length=100, required=False, allow_blank=True)
    version = serializers.CharField(max_length=100, required=False, allow_blank=True)
    base_path = serializers.CharField(max_length=200, required=False, allow_blank=True)
    is_redirected_to_https = serializers.BooleanField(required=False)
    hsts_max_age_s = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    client_certificates = serializers.ChoiceField(choices=Host.ClientCertificates.choices, required=False)
    client_ca = serializers.CharField(max_length=LONGEST_PEM, required=False, allow_blank=True)
    certificate_source = serializers.ChoiceField(
        choices=Host.CertificateSource.choices,
        required=False,
        help_text="acme: ordered from the environment's authority and renewed; kept: by people.",
    )


class HostBody(HostChanges):
    """A host name."""

    name = serializers.CharField(max_length=253, help_text="Exact, or `*.example.com`.")
    environment = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")

    def get_fields(self) -> dict[str, Any]:
        """The fields, the name first."""
        fields: dict[str, Any] = super().get_fields()
        return {"name": fields.pop("name"), **fields}
