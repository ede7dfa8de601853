"""The console: pages of API owners and admins."""
