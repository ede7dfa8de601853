"""Certificates by ACME (RFC 8555): ordered, proved, fetched and renewed without a person."""
