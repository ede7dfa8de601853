"""tenant-signature: tells the service who calls, signed, so that it need not trust its network.

An example of a policy kind in a package of its own; docs/howto/write-a-policy-kind.md explains it line by line.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.messages import Refusal
from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import AnswerView, RequestView
from gateway_sync.problems import Problem, Where

KIND = "tenant-signature"
_LEAST_SECRET = 16

DESCRIPTION = Description(
    KIND,
    "Signature of the tenant",
    "Adds X-Tenant and its signature over the method, the path and the body.",
    (
        Setting("secret", "Secret", "text", "What the service checks the signature with.", is_required=True),
        Setting("mask", "Mask account numbers", "flag", "Whether digits of answers are masked.", default="false"),
    ),
    "tenant-signature: { secret: 0123456789abcdef }",
    "forbidden",
)


@dataclass(frozen=True, slots=True)
class TenantSignature:
    """The settings; it is its own step."""

    secret: str
    mask: bool = False

    @property
    def body_bytes(self) -> int:
        """The request's body is needed, up to 64 KiB."""
        return 65_536

    @property
    def answer_bytes(self) -> int:
        """So is the answer's, when it is masked."""
        return 65_536 if self.mask else 0

    def on_request(self, request: RequestView) -> Refusal | None:
        """Sign; anonymous callers have no tenant."""
        tenant = request.caller.organization
        if not tenant:
            return Refusal("forbidden", "Only tenants may call.")
        signed = b"\n".join((request.method.encode(), request.path.encode(), tenant.encode(), request.body or b""))
        request.fields.set("X-Tenant", tenant)
        request.fields.set("X-Tenant-Signature", hmac.digest(self.secret.encode(), signed, "sha256").hex())
        request.fields.set("X-Body-SHA256", hashlib.sha256(request.body or b"").hexdigest())
        return None

    def on_answer(self, _request: RequestView, answer: AnswerView) -> None:
        """Mask the digits."""
        if answer.body is not None:
            answer.body = b"".join(b"#" if byte in b"0123456789" else bytes([byte]) for byte in answer.body)


POLICY = TenantSignature


def parse(settings: Mapping[str, object], where: Where) -> tuple[TenantSignature | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("secret")
    policy = TenantSignature(reader.text("secret"), reader.flag("mask", default=False))
    if policy.secret and len(policy.secret) < _LEAST_SECRET:
        reader.refuse("secret", f'"secret" has less than {_LEAST_SECRET} characters.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: TenantSignature) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"secret": policy.secret, "mask": policy.mask}
