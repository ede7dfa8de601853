"""Names of tasks that live in higher layers. A test checks that each is registered and routed as said here."""

from __future__ import annotations

PUBLISHING_QUEUE = "publishing"
PUBLISH_TASK = "gateway_sync.delivery.tasks.publish_environment"
