"""What the management API itself remembers: answers to requests that carried an Idempotency-Key."""

from __future__ import annotations

from django.db import models

from apim.accounts.models import User


class IdempotentAnswer(models.Model):
    """The answer to one request, to be given again for a day.

    Shapes: key_hash = keyed hash of the person and the Idempotency-Key. answer is sealed with a key made from the
    Idempotency-Key itself, which is not stored: an answer that shows a secret once (an API key) can be read again by
    who made the request, and by nobody who holds the database.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)
    request_hash = models.CharField(max_length=64)  # of method, path and body
    answer = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"answer {self.id} of {self.created_at}"
