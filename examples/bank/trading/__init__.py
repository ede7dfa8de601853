"""The Trading API's service."""
