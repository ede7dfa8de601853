"""Lending: what of bodies an exchange may keep, of all that its worker keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_sync.runtime.core.budgets import Loan

if TYPE_CHECKING:
    from gateway_sync.runtime.exchange import Exchange


def loan_of(exchange: Exchange) -> Loan:
    """A loan to the exchange's application, else to the caller's address; whoever asked for it ends it."""
    grant = exchange.admission.grant
    application = grant.caller.application if grant is not None else ""
    return Loan(exchange.serving.bodies, application or exchange.client.address)
