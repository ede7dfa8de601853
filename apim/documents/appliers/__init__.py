"""Appliers: one module for each kind of document, each making its object what the document says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apim.documents.appliers.apis import apply_api
from apim.documents.appliers.applications import apply_application
from apim.documents.appliers.certificates import apply_certificate
from apim.documents.appliers.hosts import apply_host
from apim.documents.appliers.issuers import apply_issuer
from apim.documents.appliers.meters import apply_meter
from apim.documents.appliers.organizations import apply_organization
from apim.documents.appliers.plans import apply_plan
from apim.documents.appliers.products import apply_product
from apim.documents.appliers.subscriptions import apply_subscription
from apim.documents.reading import Document
from apim.documents.session import Change, Session

__all__ = ["APPLIERS"]

APPLIERS: Mapping[str, Callable[[Document, Session], Change]] = {
    "Organization": apply_organization,
    "Certificate": apply_certificate,
    "Issuer": apply_issuer,
    "API": apply_api,
    "Meter": apply_meter,
    "Plan": apply_plan,
    "Product": apply_product,
    "Application": apply_application,
    "Subscription": apply_subscription,
    "Host": apply_host,
}
