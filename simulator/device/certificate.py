"""Decides which certificate a device with HTTPS shows: self-signed, made when it is first needed.

Law: a device keeps its certificate until it is replaced; what it shows next is another key, as after a
factory reset.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_VALID_DAYS = 3650
_CLOCK_STARTS = datetime(1970, 1, 1, tzinfo=UTC)


class KeyKind(StrEnum):
    """What a make's certificates are made of."""

    EC_256 = "ec-256"
    RSA_2048 = "rsa-2048"
    RSA_1024 = "rsa-1024"  # before 2015; refused by OpenSSL's usual level


class Certificates:
    """The certificates of one device and the TLS settings that show one of them."""

    def __init__(self, name: str, *, key: KeyKind) -> None:
        self._name = name
        self._key = key
        self._pems: dict[str, bytes] = {}
        self._shown = "own"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if key is KeyKind.RSA_1024:
            self.context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self._load()

    @property
    def pem(self) -> bytes:
        """The certificate shown now, and its key behind it."""
        return self._pems[self._shown]

    @property
    def der(self) -> bytes:
        """The certificate shown now."""
        certificate, end, _key = self.pem.decode().partition("-----END CERTIFICATE-----")
        return ssl.PEM_cert_to_DER_cert(certificate + end)

    def show(self, which: str) -> bool:
        """Show ``own``, ``replaced`` or ``expired``; whether that is another than before."""
        if which == self._shown:
            return False
        self._shown = which
        self._load()
        return True

    def renew(self) -> None:
        """Another key and certificate of its own, as a factory reset makes them."""
        self._pems.clear()
        self._load()

    def _load(self) -> None:
        pem = self._pems.get(self._shown) or self._made(expired=self._shown == "expired")
        self._pems[self._shown] = pem
        with tempfile.TemporaryDirectory(prefix="outpost-simulator-") as folder:
            path = Path(folder) / "device.pem"
            path.write_bytes(pem)
            self.context.load_cert_chain(path)

    def _made(self, *, expired: bool) -> bytes:
        """A certificate and its key as PEM. An expired one is of 1970: made before the clock was ever set."""
        key = _private_key(self._key)
        begins = _CLOCK_STARTS if expired else datetime.now(UTC) - timedelta(days=1)
        ends = begins + timedelta(days=365 if expired else _VALID_DAYS)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Self-signed"),
                x509.NameAttribute(NameOID.COMMON_NAME, self._name),
            ]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .sign(key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def _private_key(kind: KeyKind) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    match kind:
        case KeyKind.EC_256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.RSA_2048:
            return rsa.generate_private_key(65537, 2048)
        case KeyKind.RSA_1024:
            return rsa.generate_private_key(65537, 1024)  # noqa: S505 - what old cameras have
