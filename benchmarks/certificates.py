"""The certificate of a gateway under measurement: made anew for each run, sealed as a control plane would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway_sync.rows import CertificateRow, Rows
from gateway_sync.runtime.sealing import seal

HOST = "localhost"  # the load generator asks for it by name
SEALING_KEY = b"k" * 64
_ID = "crt_bench"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate of HOST and its key, both PEM."""

    chain: str
    key: str


def make_certificate() -> Certificate:
    """One on P-256, valid for this day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(certificate.public_bytes(Encoding.PEM).decode(), pem.decode())


def with_certificate(rows: Rows, certificate: Certificate) -> Rows:
    """The rows with the certificate in their environment."""
    sealed = seal(SEALING_KEY, certificate.key.encode(), _ID)
    row = CertificateRow(_ID, "bench", "", certificate.chain, sealed, (HOST,))
    return replace(rows, environment=replace(rows.environment, certificates=(row,)))
