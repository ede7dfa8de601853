"""Migrations of apim.api."""
