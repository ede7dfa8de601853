"""Pushing: one message on an environment's Redis channel, which every connected gateway hears.

Owns: the channel and the message. A push is a short cut: whatever it loses, gateways pull.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from gateway_sync.snapshot import AccessCheck, Manifest, ManifestChange, TrialOffer, digest, page_bytes

logger = logging.getLogger(__name__)

_TIMEOUT_S = 0.5
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024

AccessEntry = tuple[str, str, Mapping[str, object] | None]


class AccessPage(msgspec.Struct, frozen=True):
    """Access records after one sequence number up to another; is_full = whatever was known before is void.

    Shapes: records may be encoded already. signature = Ed25519 over page_bytes, base64, "" before signing.
    """

    after: int
    upto: int
    is_full: bool = False
    records: Sequence[AccessEntry] | msgspec.Raw = ()
    more: bool = False
    signature: str = ""


class Update(msgspec.Struct, frozen=True):
    """What a gateway is told, pushed or pulled.

    Shapes: manifest None = unchanged; fragments maps digests to canonical JSON text, those only that are not known,
    and may be encoded already;
    base_digest is that of the state which the manifest follows. With a change, the manifest names no fragments. trial
    is what one worker is to serve meanwhile, None = as before; access_check what all access records should be.
    """

    environment: str
    access: AccessPage
    manifest: Manifest | None = None
    fragments: Mapping[str, str] | msgspec.Raw = {}
    base_digest: str = ""
    change: ManifestChange | None = None
    trial: TrialOffer | None = None
    access_check: AccessCheck | None = None

    @property
    def is_news(self) -> bool:
        """True when a gateway that asked learns something."""
        is_state = self.manifest is not None or self.trial is not None
        return is_state or self.access.is_full or self.access.upto > self.access.after


def signed_page(environment: str, page: AccessPage) -> AccessPage:
    """The page as gateways of the environment believe it: what is signed are its bytes, so they are final."""
    records = page.records if isinstance(page.records, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(page.records))
    content = page_bytes(
        environment, page.after, page.upto, digest(bytes(records)), is_full=page.is_full, more=page.more
    )
    return msgspec.structs.replace(page, records=records, signature=settings.KEYRING.sign(content))


def encode_update(update: Update) -> bytes:
    """The JSON of a push message and of a sync answer."""
    return msgspec.json.encode(update)


def push(update: Update) -> bool:
    """True when the message went out, signed; a dead Redis is logged, and gateways pull instead.

    Shapes: a message too large to push goes out without fragments: gateways then see that they must pull.
    """
    update = msgspec.structs.replace(update, access=signed_page(update.environment, update.access))
    message = encode_update(update)
    if len(message) > _MAX_MESSAGE_BYTES:
        message = encode_update(msgspec.structs.replace(update, fragments={}))
    try:
        _client(settings.REDIS_URL).publish(channel_of(update.environment), message)
    except RedisError as error:
        logger.warning("%s not pushed: %s", update.environment, error)
        return False
    return True


def channel_of(environment: str) -> str:
    """The channel of an environment, by its name."""
    return f"apim:{environment}:push"


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 1)
    )  # fmt: skip
