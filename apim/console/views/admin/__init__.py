"""Views of the platform admins' pages."""
