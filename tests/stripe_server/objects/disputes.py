"""Disputes. Source: docs.stripe.com/api/disputes, docs.stripe.com/disputes, docs.stripe.com/testing#disputes."""

from __future__ import annotations

from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import metadata, only
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_ANSWER_BY_S = 10 * 86400
_OPEN = {"needs_response", "under_review"}

route("GET", "/v1/disputes/{id}", "DisputeRetrieveParams", "dispute")(retrieve("dispute"))
route("GET", "/v1/disputes", "DisputeListParams", "dispute")(listing("dispute", "charge", "payment_intent"))


def open_dispute(mode: Mode, charge: Object) -> Object:
    """The holder of the card denies the charge."""
    clock = mode.clock_of(charge["customer"])
    charge["disputed"] = True
    made = mode.add(
        "dispute",
        {"amount": charge["amount"], "balance_transactions": [], "charge": charge["id"], "currency": charge["currency"],
         "enhanced_eligibility_types": [], "evidence": {}, "is_charge_refundable": False, "metadata": {},
         "evidence_details": {"due_by": mode.now(clock) + _ANSWER_BY_S, "enhanced_eligibility": {},
                              "has_evidence": False, "past_due": False, "submission_count": 0},
         "payment_intent": charge["payment_intent"], "reason": "fraudulent", "status": "needs_response"},
        clock=clock,
    )  # fmt: skip
    emit(mode, "charge.dispute.created", made)
    emit(mode, "charge.updated", charge)
    return made


@route("POST", "/v1/disputes/{id}", "DisputeUpdateParams", "dispute")
def update_dispute(mode: Mode, params: Object, key: str) -> Object:
    """Evidence decides, by its text. Source: docs.stripe.com/testing#evidence (winning_evidence, losing_evidence)."""
    only(params, "evidence", "metadata", "submit")
    found = _open(mode, key)
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    text = (params.get("evidence") or {}).get("uncategorized_text", "")
    if text in {"winning_evidence", "losing_evidence"} and params.get("submit", True):
        _close(mode, found, "won" if text == "winning_evidence" else "lost")
    else:
        emit(mode, "charge.dispute.updated", found)
    return found


@route("POST", "/v1/disputes/{id}/close", "DisputeCloseParams", "dispute")
def close_dispute(mode: Mode, _params: Object, key: str) -> Object:
    """Accept it as lost."""
    found = _open(mode, key)
    _close(mode, found, "lost")
    return found


def _open(mode: Mode, key: str) -> Object:
    found = mode.get("dispute", key, status=404)
    if found["status"] not in _OPEN:
        raise invalid("This dispute is already closed.")
    return found


def _close(mode: Mode, found: Object, status: str) -> None:
    found["status"] = status
    emit(mode, "charge.dispute.closed", found)
