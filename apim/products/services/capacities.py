"""What owners say that the services behind their APIs bear."""

from __future__ import annotations

from django.db import transaction

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.models import API
from apim.products.models import Capacity
from apim.validation import require_clean


@transaction.atomic
def set_capacity(*, api: API, calls_per_s: int | None, by: Actor) -> Capacity | None:
    """The capacity as told; None takes it away. It limits nobody: pages warn where more is promised.

    Errors: products.invalid_value.
    """
    API.objects.select_for_update(no_key=True).get(pk=api.pk)  # before the first there is no row to hold
    found = Capacity.objects.filter(api=api).first()
    before = {"calls_per_s": found.calls_per_s if found else None}
    if before["calls_per_s"] == calls_per_s:
        return found
    if calls_per_s is None:
        Capacity.objects.filter(api=api).delete()
        capacity = None
    else:
        capacity = found or Capacity(api=api)
        capacity.calls_per_s = calls_per_s
        require_clean(capacity, prefix="products")
        capacity.save()
    record(
        by=by,
        action="api.set_capacity",
        target=api,
        before=before,
        after={"calls_per_s": calls_per_s},
        organization_id=api.organization_id,
    )
    return capacity
