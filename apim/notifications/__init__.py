"""Mails: kept, and sent on."""
