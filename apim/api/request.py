"""The request that every view of the management API is given."""

from __future__ import annotations

from rest_framework.request import Request

from apim.accounts.models import APIToken, User
from apim.accounts.services import actor_of
from apim.audit.actor import Actor


class APIRequest(Request):
    """A request of a signed-in person, with the id that its answer and the log carry."""

    user: User
    auth: APIToken | None
    request_id: str

    @property
    def actor(self) -> Actor:
        """Who the audit log names: the token, where one was used, under its person's address."""
        person = actor_of(self.user)
        return Actor("token", self.auth.pk, person.label) if self.auth else person
