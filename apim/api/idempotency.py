"""`Idempotency-Key`: a POST sent twice has one effect and one answer.

The record of the key is inserted first, in the transaction of the effect itself. So of many requests at once one
writes, the others wait for its commit and then find its answer; a request that is refused leaves neither effect nor
record and may be sent again, corrected.

What asks a payment provider cannot be rolled back, so it runs outside a transaction, and the record alone is committed
first: a claim. The others wait for its answer. A process that dies leaves a claim without one: whether it was done is
not known then, and who sends the key again is told so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
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
WAITED_FOR: Final = timedelta(seconds=10)  # in which a claim of another request gets its answer, as a rule
UNDER_WAY_FOR: Final = timedelta(minutes=5)  # longer than anything waits for a payment provider
_LOOKED_EVERY_S: Final = 0.1
REPEATED_HEADERS: Final = ("ETag", "Location")


def run_once(request: APIRequest, act: Callable[[], Response], *, asks_provider: bool = False) -> Response:
    """act()'s response, or the stored one when this caller sent this key before.

    Shapes: asks_provider = act asks a payment provider, so it is not run within a transaction.
    Errors: 400 for an unusable key, 422 when the key came with another request before, 409 when that one is under way
    still or was cut off.
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
            if asks_provider:
                return _run_claimed(request, act, key=key, key_hash=key_hash, request_hash=request_hash)
            with transaction.atomic():
                return _run_and_store(request, act, key=key, key_hash=key_hash, request_hash=request_hash)
        except _AlreadyRunError:
            stored = IdempotentAnswer.objects.filter(key_hash=key_hash).first()
            if stored is None:  # it was refused meanwhile
                raise _under_way() from None
    if not hmac.compare_digest(stored.request_hash, request_hash):
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "request.idempotency_mismatch",
            "This Idempotency-Key was used with another request.",
            hint="Use a fresh key for each new request.",
        )
    return _replay(_answered(stored), key)


class _AlreadyRunError(Exception):
    """Another request with the same key was first."""


def _run_and_store(
    request: APIRequest, act: Callable[[], Response], *, key: str, key_hash: str, request_hash: str
) -> Response:
    row = _claim(request, key_hash, request_hash)
    response = act()
    _keep(row, response, key)
    return response


def _run_claimed(
    request: APIRequest, act: Callable[[], Response], *, key: str, key_hash: str, request_hash: str
) -> Response:
    row = _claim(request, key_hash, request_hash)
    try:
        response = act()
    except Exception:  # refused: it may be sent again, and asks the provider for its present state then
        row.delete()
        raise
    _keep(row, response, key)
    return response


def _claim(request: APIRequest, key_hash: str, request_hash: str) -> IdempotentAnswer:
    try:
        with transaction.atomic():
            return IdempotentAnswer.objects.create(user=request.user, key_hash=key_hash, request_hash=request_hash)
    except IntegrityError:
        raise _AlreadyRunError from None


def _keep(row: IdempotentAnswer, response: Response, key: str) -> None:
    headers = {name: response[name] for name in REPEATED_HEADERS if name in response}
    row.answer = _seal(key, json.dumps([response.status_code, headers, response.data], cls=JSONEncoder))
    row.save(update_fields=["answer"])


def _answered(stored: IdempotentAnswer) -> IdempotentAnswer:
    """The record with its answer, once the request that claimed the key has one.

    Errors: 409 when it has none in time, or never will.
    """
    until = time.monotonic() + WAITED_FOR.total_seconds()
    while not stored.answer:
        if timezone.now() - stored.created_at > UNDER_WAY_FOR:
            raise RequestError(
                HTTPStatus.CONFLICT,
                "request.cut_off",
                "The request with this Idempotency-Key was cut off: whether it was done is not known.",
                hint="Read the object. If it has not changed, send the request again with a fresh key.",
            )
        if time.monotonic() > until:
            raise _under_way()
        time.sleep(_LOOKED_EVERY_S)
        found = IdempotentAnswer.objects.filter(pk=stored.pk).first()
        if found is None:  # it was refused
            raise _under_way()
        stored = found
    return stored


def _under_way() -> RequestError:
    return RequestError(
        HTTPStatus.CONFLICT,
        "request.under_way",
        "Another request with this Idempotency-Key was under way.",
        hint="Send it again, with the same key.",
    )


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
