"""How property tests run on a busy machine: no limit on the time of an example, nor on how long one takes to make."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
