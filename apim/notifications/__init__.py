"""Mails: kept, and sent on; notifications: kept until they are read."""
