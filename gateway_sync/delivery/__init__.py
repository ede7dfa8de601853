"""Collect, compile, publish, deliver: the one Django app of gateway_sync."""
