"""URLs of webhooks, below /my/webhooks/."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.views import webhook_deliveries as deliveries
from portal.views import webhooks

urlpatterns: list[URLPattern] = [
    path("new", webhooks.add_endpoint, name="webhook_add"),
    path("deliveries/<str:delivery_id>", deliveries.show_delivery, name="webhook_delivery"),
    path("deliveries/<str:delivery_id>/replay", deliveries.replay_one, name="webhook_replay"),
    path("<str:endpoint_id>", webhooks.show_endpoint, name="webhook"),
    path("<str:endpoint_id>/edit", webhooks.edit_endpoint, name="webhook_edit"),
    path("<str:endpoint_id>/switch", webhooks.switch_endpoint, name="webhook_switch"),
    path("<str:endpoint_id>/roll", webhooks.roll, name="webhook_roll"),
    path("<str:endpoint_id>/delete", webhooks.remove_endpoint, name="webhook_delete"),
    path("<str:endpoint_id>/test", deliveries.send_test_event, name="webhook_test"),
    path("<str:endpoint_id>/replay", deliveries.replay_all_failed, name="webhook_replay_failed"),
]
