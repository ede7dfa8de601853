"""Environments, the gateways that serve them, whom these believe, and the log of access changes they follow."""

from __future__ import annotations

from apim.gateways.models.access_records import AccessRecord
from apim.gateways.models.acme import ACMEAccount, CertificateOrder
from apim.gateways.models.certificates import Certificate
from apim.gateways.models.environments import Environment, default_networks
from apim.gateways.models.gateways import Gateway, Worker
from apim.gateways.models.hosts import Host
from apim.gateways.models.issuers import Issuer
from apim.gateways.models.join_tokens import JoinToken
from apim.gateways.models.told_boots import ToldBoot

__all__ = (
    "ACMEAccount",
    "AccessRecord",
    "Certificate",
    "CertificateOrder",
    "Environment",
    "Gateway",
    "Host",
    "Issuer",
    "JoinToken",
    "ToldBoot",
    "Worker",
    "default_networks",
)
