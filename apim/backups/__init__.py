"""Backups of an installation: its database and its keys in one file, and the way back.

Owns: the archive's shape, how either kind of database is copied and put back. Must not know: Django, or what is in the
tables; migrations and gateways are brought along by `manage.py resume_after_restore`.
"""
