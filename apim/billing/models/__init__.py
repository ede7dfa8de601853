"""What billing keeps: the connection, what the provider told, and read models of what it holds.

Amounts are whole minor units of their currency; apim.pricing.money knows how many digits that are.
"""

from __future__ import annotations

from apim.billing.models.adjustments import Adjustment, AdjustmentQuerySet
from apim.billing.models.alarms import BillingAlarm
from apim.billing.models.catalogue import CatalogueEntry, Customer
from apim.billing.models.changes import MigrationMember, PlanChange, PlanMigration, PlanMigrationQuerySet, UsageCut
from apim.billing.models.checks import ConnectionCheck
from apim.billing.models.connection import Mode, StripeConnection, StripeEvent
from apim.billing.models.credits import CreditAccount, CreditGrant, LedgerEntry, TopUp
from apim.billing.models.invoices import Invoice, InvoiceQuerySet
from apim.billing.models.rehearsals import Rehearsal, RehearsalQuerySet, RehearsalStep
from apim.billing.models.spending import SpendingControl, UsageNotice
from apim.billing.models.subscriptions import BillingSubscription, GrantedVersion
from apim.billing.models.usage import MeterWindow, OutgoingUsage

__all__ = (
    "Adjustment",
    "AdjustmentQuerySet",
    "BillingAlarm",
    "BillingSubscription",
    "CatalogueEntry",
    "ConnectionCheck",
    "CreditAccount",
    "CreditGrant",
    "Customer",
    "GrantedVersion",
    "Invoice",
    "InvoiceQuerySet",
    "LedgerEntry",
    "MeterWindow",
    "MigrationMember",
    "Mode",
    "OutgoingUsage",
    "PlanChange",
    "PlanMigration",
    "PlanMigrationQuerySet",
    "Rehearsal",
    "RehearsalQuerySet",
    "RehearsalStep",
    "SpendingControl",
    "StripeConnection",
    "StripeEvent",
    "TopUp",
    "UsageCut",
    "UsageNotice",
)
