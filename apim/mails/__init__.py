"""What the mails of this product say: one registry of kinds, the admins' own texts, and both forms of a mail."""
