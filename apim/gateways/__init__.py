"""Environments, gateways and the log of access changes."""
