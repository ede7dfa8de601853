"""What people are told on their way: `{% load onboarding %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from apim.onboarding.models import ProvisionalAccount
from apim.onboarding.provisional import is_provisional

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()


@register.inclusion_tag("portal/_unconfirmed.html", takes_context=True)
def unconfirmed_notice(context: Context) -> dict[str, object]:
    """The mail that waits, for who has not confirmed the address; asks the database for nobody else."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not is_provisional(user):
        return {}
    return {"provisional": ProvisionalAccount.objects.filter(user=user).first()}
