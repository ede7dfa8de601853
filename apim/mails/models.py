"""Texts of mails that admins wrote in place of the built-in ones."""

from __future__ import annotations

from django.db import models


class MailText(models.Model):
    """What a kind of mail says in one language; without a row it says the built-in text.

    Shapes: kind is the name of one that is registered; subject and body hold `{placeholders}` of that kind and no
    other; body is Markdown.
    """

    kind = models.CharField(max_length=60)
    language = models.CharField(max_length=16)
    subject = models.CharField(max_length=200)
    body = models.TextField(max_length=10_000)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "language"), name="one_text_a_kind_and_language"),)

    def __str__(self) -> str:
        return f"{self.kind} ({self.language})"
