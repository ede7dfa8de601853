"""The Bank API's service."""
