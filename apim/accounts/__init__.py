"""People, organizations, roles, invitations, tokens and the installation."""
