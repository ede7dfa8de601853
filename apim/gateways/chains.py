"""Chains: what a PEM certificate chain and its private key say, checked before they are kept.

Owns: reading X.509. Must not know: models, where a certificate is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.utils.translation import gettext

from apim.errors import DomainError, Invalid, Problems

LONGEST_PEM = 100_000
_LONGEST_ERROR = 270
CERTIFICATES_AT_MOST = 20
_LEAST_RSA_BITS = 2048
_LONGEST_NAME = 500

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Chain:
    """What a chain says of itself.

    Shapes: chain and key are PEM, the key in PKCS#8; hosts are the subject's alternative names, lower case.
    """

    chain: str
    key: bytes
    hosts: tuple[str, ...]
    subject: str
    issuer: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


def read_chain(chain: str, key: str, *, now: datetime) -> Chain:
    """The chain with its key.

    Errors: Invalid or Problems with code gateways.certificate_* and the field at fault, `chain` or `key`.
    """
    certificates = read_certificates(chain, field="chain")
    leaf = certificates[0]
    errors: list[DomainError] = [*_order_faults(certificates), *_date_faults(leaf, now)]
    private = _read_key(key)
    errors += _key_faults(leaf, private)
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    return Chain(
        chain="".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        hosts=_hosts_of(leaf),
        subject=leaf.subject.rfc4514_string()[:_LONGEST_NAME],
        issuer=leaf.issuer.rfc4514_string()[:_LONGEST_NAME],
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def require_key_of(chain: str, key: str) -> None:
    """Errors: Invalid gateways.certificate_* unless the key is that of the chain."""
    for error in _key_faults(read_certificates(chain, field="chain")[0], _read_key(key)):
        raise error


def read_certificates(pem: str, *, field: str) -> Sequence[x509.Certificate]:
    """The certificates of a PEM text, one at least. Errors: Invalid gateways.certificate_unreadable at field."""
    if len(pem) > LONGEST_PEM:
        raise _fault(
            "unreadable",
            gettext("It has more than %(most)s characters.") % {"most": f"{LONGEST_PEM:,}"},
            field,
        )
    if "PRIVATE KEY" in pem:
        raise _fault(
            "unreadable", gettext("A private key stands among the certificates."), field, gettext("Send it by itself.")
        )
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        message = gettext("This is no PEM certificate: %(error)s") % {"error": str(error)[:_LONGEST_ERROR]}
        hint = gettext("A certificate begins with -----BEGIN CERTIFICATE-----.")
        raise _fault("unreadable", message, field, hint) from error
    if len(found) > CERTIFICATES_AT_MOST:
        raise _fault(
            "unreadable",
            gettext("At most %(most)s certificates.") % {"most": CERTIFICATES_AT_MOST},
            field,
        )
    return found


def read_authorities(pem: str, *, field: str) -> str:
    """The certificates of authorities as normal PEM. Errors: Invalid at field."""
    found = read_certificates(pem, field=field)
    for one in found:
        try:
            is_authority = bool(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
        except (x509.ExtensionNotFound, ValueError):
            is_authority = one.subject == one.issuer  # version 1 roots say nothing
        if not is_authority:
            message = gettext("%(subject)s is no certificate authority.") % {"subject": one.subject.rfc4514_string()}
            raise _fault("no_authority", message[:300], field, gettext("Name who issued it instead."))
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found)


def covers(pattern: str, host: str) -> bool:
    """True when a name of a certificate is good for a host: equal, or one label under its wildcard (RFC 9525)."""
    if pattern.startswith("*.") and not host.startswith("*."):
        label, _, rest = host.partition(".")
        return bool(label) and rest == pattern[2:]
    return pattern == host


def _key_faults(leaf: x509.Certificate, key: _Key) -> list[DomainError]:
    if key.public_key() == leaf.public_key():
        return []
    hint = gettext(
        "Upload the key that the certificate was requested with; the chain begins with the certificate itself."
    )
    return [_fault("key_mismatch", gettext("The private key is not that of the certificate."), "key", hint)]


def _read_key(key: str) -> _Key:
    if len(key) > LONGEST_PEM:
        raise _fault(
            "unreadable",
            gettext("It has more than %(most)s characters.") % {"most": f"{LONGEST_PEM:,}"},
            "key",
        )
    try:
        found = serialization.load_pem_private_key(key.encode(), password=None)
    except TypeError as error:
        message = gettext("The private key is encrypted with a passphrase.")
        raise _fault(
            "key_encrypted", message, "key", gettext("Decrypt it first: `openssl pkey -in key.pem`.")
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = gettext("A key begins with -----BEGIN PRIVATE KEY-----.")
        raise _fault("key_unreadable", gettext("This is no PEM private key."), "key", hint) from error
    if isinstance(found, rsa.RSAPrivateKey) and found.key_size >= _LEAST_RSA_BITS:
        return found
    if isinstance(found, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return found
    raise _fault(
        "key_weak",
        gettext("A key is RSA of %(bits)s bits or more, elliptic curve, or Ed25519.") % {"bits": _LEAST_RSA_BITS},
        "key",
    )


def _order_faults(certificates: Sequence[x509.Certificate]) -> list[DomainError]:
    for below, above in pairwise(certificates):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            message = gettext("%(below)s is not issued by the certificate after it, %(above)s.") % {
                "below": _short(below),
                "above": _short(above),
            }
            hint = gettext("Put the certificate itself first, then who issued it, and so on.")
            return [_fault("order", message, "chain", hint)]
    return []


def _date_faults(leaf: x509.Certificate, now: datetime) -> list[DomainError]:
    if leaf.not_valid_after_utc <= now:
        return [
            _fault(
                "expired",
                gettext("The certificate expired on %(day)s.") % {"day": f"{leaf.not_valid_after_utc:%Y-%m-%d}"},
                "chain",
            )
        ]
    if leaf.not_valid_before_utc > now:
        return [
            _fault(
                "not_yet",
                gettext("The certificate is valid from %(day)s.") % {"day": f"{leaf.not_valid_before_utc:%Y-%m-%d}"},
                "chain",
            )
        ]
    return []


def _hosts_of(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    hosts = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    hosts += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return tuple(dict.fromkeys(hosts))


def _short(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:80] or "a certificate without a subject"


def _fault(reason: str, message: str, field: str, hint: str = "") -> Invalid:
    return Invalid(f"gateways.certificate_{reason}", message, field=field, hint=hint)
