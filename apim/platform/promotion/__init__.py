"""Promotion: what one environment has brought to another, as far as a person chose it.

Owns: what is compared, what may go, and one transaction that brings it. Must not know: pages, HTTP.
"""

from apim.platform.promotion.changes import Change, Plan, plan_promotion
from apim.platform.promotion.services import promote, undo_promotion

__all__ = ["Change", "Plan", "plan_promotion", "promote", "undo_promotion"]
