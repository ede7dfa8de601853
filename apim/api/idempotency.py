"""`Idempotency-Key`: a POST sent twice has one effect and one answer.

The record of the key is inserted first, in the transaction of the effect itself. So of many requests at once one
writes, the others wait for its commit and then find its answer; a request that is refused leaves neither effect nor
record and may be sent again, corrected.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from apim.api.models import IdempotentAnswer
from apim.api.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apim.api.request import APIRequest

KEPT_FOR: Final = timedelta(hours=24)
MAX_KEY_CHARACTERS: Final = 255
NONCE_BYTES: Final = 12
REPEATED_HEADERS: Final = ("ETag", "Location")


def run_once(request: APIRequest, act: Callable[[], Response]) -> Response:
    """act()'s response, or the stored one when this caller sent this key before.

    Errors: 400 for an unusable key, 422 when the key came with another request before.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return act()
    if len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        message = f"Idempotency-Key is printable ASCII of at most {MAX_KEY_CHARACTERS} characters."
        raise RequestError(HTTPStatus.BAD_REQUEST, "request.invalid", message)
    key_hash = _hash("key", f"{request.user.pk}\n{key}")
    request_hash = _hash("request", json.dumps([request.method, request.get_full_path(), request.data], sort_keys=True))
    IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    stored = IdempotentAnswer.objects.filter(key_hash=key_hash).first()
    if stored is None:
        try:
            with transaction.atomic():
                return _run_and_store(request, act, key=key, key_hash=key_hash, request_hash=request_hash)
        except _AlreadyRunError:
            stored = IdempotentAnswer.objects.get(key_hash=key_hash)
    if not hmac.compare_digest(stored.request_hash, request_hash):
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "request.idempotency_mismatch",
            "This Idempotency-Key was used with another request.",
            hint="Use a fresh key for each new request.",
        )
    return _replay(stored, key)


class _AlreadyRunError(Exception):
    """Another request with the same key was first."""


def _run_and_store(
    request: APIRequest, act: Callable[[], Response], *, key: str, key_hash: str, request_hash: str
) -> Response:
    try:
        with transaction.atomic():
            row = IdempotentAnswer.objects.create(user=request.user, key_hash=key_hash, request_hash=request_hash)
    except IntegrityError:
        raise _AlreadyRunError from None
    response = act()
    headers = {name: response[name] for name in REPEATED_HEADERS if name in response}
    row.answer = _seal(key, json.dumps([response.status_code, headers, response.data], cls=JSONEncoder))
    row.save(update_fields=["answer"])
    return response


def _replay(stored: IdempotentAnswer, key: str) -> Response:
    sealed = bytes(stored.answer)
    text = AESGCM(_sealing_key(key)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
    status, headers, data = json.loads(text)
    return Response(data, status=status, headers={**headers, "Idempotency-Replayed": "true"})


def _seal(key: str, text: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_sealing_key(key)).encrypt(nonce, text.encode(), None)


def _sealing_key(key: str) -> bytes:
    return hmac.digest(settings.KEYRING.pepper, f"idempotency answer\n{key}".encode(), "sha256")


def _hash(purpose: str, text: str) -> str:
    digest: str = settings.KEYRING.hash_secret(f"idempotency {purpose}\n{hashlib.sha256(text.encode()).hexdigest()}")
    return digest
