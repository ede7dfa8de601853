"""Webhooks: events told to the endpoints of organizations, signed, at least once."""
