"""What an authority knows and decides: accounts, orders, proofs; it issues real certificates."""

from __future__ import annotations

import http.client
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.acme_server.messages import Refused, decoded, thumbprint_of

_TIMEOUT_S = 10
_LONGEST_ANSWER = 1000


@dataclass
class Account:
    """Who orders."""

    number: int
    jwk: dict[str, str]
    contact: list[str]


@dataclass
class Proof:
    """An authorization with its one challenge, http-01."""

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    status: str = "pending"
    error: dict[str, object] | None = None
    is_asked: bool = False


@dataclass
class Order:
    """A certificate that is asked for."""

    account: Account
    hosts: list[str]
    proofs: list[int]
    chain: str = ""
    is_finalized: bool = False


class Authority:
    """Knows who may have which certificate. address_of says where a host's port 80 is."""

    def __init__(self, address_of: Callable[[str], tuple[str, int]], life: timedelta = timedelta(days=90)) -> None:
        self.address_of = address_of
        self.life = life
        self.accounts: list[Account] = []
        self.orders: list[Order] = []
        self.proofs: list[Proof] = []
        self.looked: list[tuple[str, str]] = []  # host and path, as asked over HTTP
        self.leaves_pending = False  # orders whose proof failed, as some authorities do
        self.lock = threading.Lock()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._root()

    @property
    def pem(self) -> str:
        """The root, for clients that trust it."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def account(self, jwk: dict[str, str], payload: dict[str, Any]) -> tuple[Account, bool]:
        """The account of a key, and whether it is new."""
        for known in self.accounts:
            if known.jwk == jwk:
                return known, False
        if payload.get("onlyReturnExisting"):
            raise Refused(400, "accountDoesNotExist", "no account has this key")
        if payload.get("termsOfServiceAgreed") is not True:
            raise Refused(403, "userActionRequired", "agree to the terms first")
        contact = payload.get("contact") or []
        if not all(isinstance(each, str) and each.startswith("mailto:") and "@" in each for each in contact):
            raise Refused(400, "invalidContact", "a contact is a mailto: address")
        self.accounts.append(Account(len(self.accounts), jwk, contact))
        return self.accounts[-1], True

    def order(self, account: Account, payload: dict[str, Any]) -> int:
        """The number of a new order."""
        identifiers = payload.get("identifiers")
        if not isinstance(identifiers, list) or not identifiers or payload.keys() - {"identifiers", "replaces"}:
            raise Refused(400, "malformed", "an order has identifiers")
        hosts = [each.get("value", "") for each in identifiers if each.get("type") == "dns"]
        if len(hosts) != len(identifiers) or any("*" in host or "." not in host for host in hosts):
            raise Refused(400, "rejectedIdentifier", "only full names of the DNS, without wildcards")
        numbers = []
        for host in hosts:
            self.proofs.append(Proof(host))
            numbers.append(len(self.proofs) - 1)
        self.orders.append(Order(account, hosts, numbers))
        return len(self.orders) - 1

    def status_of(self, order: Order) -> str:
        states = {self.proofs[number].status for number in order.proofs}
        if "invalid" in states and not self.leaves_pending:
            return "invalid"
        if states != {"valid"}:
            return "pending"
        return "valid" if order.chain else "processing" if order.is_finalized else "ready"

    def look(self, proof: Proof, account: Account) -> None:
        """Fetch the answer to a challenge from where the host is, and judge it; in a thread, as a real one would."""
        if proof.is_asked:
            return
        proof.is_asked = True
        threading.Thread(target=self._look, args=(proof, account), daemon=True).start()

    def _look(self, proof: Proof, account: Account) -> None:
        path = f"/.well-known/acme-challenge/{proof.token}"
        try:
            connection = http.client.HTTPConnection(*self.address_of(proof.host), timeout=_TIMEOUT_S)
            connection.request("GET", path, headers={"Host": proof.host})
            answer = connection.getresponse()
            content = answer.read(_LONGEST_ANSWER)
            connection.close()
        except OSError as error:
            self._judge(proof, "connection", str(error))
            return
        self.looked.append((proof.host, path))
        wanted = f"{proof.token}.{thumbprint_of(account.jwk)}".encode()
        if answer.status == 200 and content.rstrip() == wanted:
            self._judge(proof, "", "")
        else:
            self._judge(proof, "unauthorized", f"http://{proof.host}{path} answered {answer.status}")

    def _judge(self, proof: Proof, kind: str, detail: str) -> None:
        with self.lock:
            if kind:
                proof.error = Refused(403, kind, detail).problem
            proof.status = "invalid" if kind else "valid"

    def finalize(self, order: Order, text: object) -> None:
        """Take a request; the certificate is there at the second look."""
        if self.status_of(order) != "ready":
            raise Refused(403, "orderNotReady", f"the order is {self.status_of(order)}")
        try:
            request = x509.load_der_x509_csr(decoded(str(text)))
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            raise Refused(400, "badCSR", "not a request with names") from None
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise Refused(400, "badCSR", "signed by another key, or by one that is not of an elliptic curve")
        if sorted(names.get_values_for_type(x509.DNSName)) != sorted(order.hosts) or len(names) != len(order.hosts):
            raise Refused(400, "badCSR", "the names are not those of the order")
        x, y = key.public_numbers().x, key.public_numbers().y
        if any(int.from_bytes(decoded(one.jwk["x"]), "big") == x for one in self.accounts) and y:
            raise Refused(400, "badCSR", "the key is that of an account")
        order.is_finalized = True
        threading.Thread(target=self._issue, args=(order, request, names), daemon=True).start()

    def _issue(self, order: Order, request: x509.CertificateSigningRequest, names: x509.SubjectAlternativeName) -> None:
        leaf = self._builder(x509.Name([]), self._certificate.subject, self.life, request.public_key())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        leaf = leaf.add_extension(names, critical=True).add_extension(usage, critical=False)
        leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        certificate = leaf.sign(self._key, hashes.SHA256())
        with self.lock:
            order.chain = certificate.public_bytes(Encoding.PEM).decode() + self.pem

    def _root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test ACME authority")])
        builder = self._builder(name, name, timedelta(days=3650), self._key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    def _builder(self, subject: x509.Name, issuer: x509.Name, life: timedelta, key: Any) -> x509.CertificateBuilder:
        began = datetime.now(UTC) - timedelta(hours=1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(began).not_valid_after(began + life)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(identifier, critical=False).add_extension(above, critical=False)
