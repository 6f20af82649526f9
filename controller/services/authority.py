"""The county's certificate authority: one P-256 CA, one certificate a box, one for each server.

Laws. A name is an id (``[a-z0-9-]``), because the broker takes it as user name and client id and puts it
into its ACL pattern. A private key is written with mode 0600 and never overwritten.
Certificates follow RFC 5280; validity of a box is 90 days (renewed by the box at two thirds of it).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocol.ids import is_id
from runtime.files import write_atomic

CA_DAYS = 3650
BOX_DAYS = 90
SERVER_DAYS = 365
CLOCK_SLACK = dt.timedelta(days=1)
"""Certificates are valid from a day before they are made: a box's clock may be behind."""


class AuthorityError(ValueError):
    """The authority cannot do what was asked; the text says which file and why."""


def create_authority(folder: Path, *, name: str, now: dt.datetime) -> None:
    """Make ``ca.crt`` and ``ca.key`` in ``folder``. Raises AuthorityError when one is there already."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(folder, "ca", certificate, key)


def issue_certificate(folder: Path, *, name: str, now: dt.datetime, servers: tuple[str, ...] = ()) -> None:
    """Make ``{name}.crt`` and ``{name}.key`` signed by the CA in ``folder``.

    With ``servers`` (host names or addresses) it is a server's certificate, otherwise a client's whose
    common name is the box id. Raises AuthorityError.
    """
    if not is_id(name):
        raise AuthorityError(
            f"name {name!r} does not match [a-z0-9-]{{1,40}} / 名称只能用小写字母、数字和连字符"
        )
    issuer, issuer_key = _load_authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    days = SERVER_DAYS if servers else BOX_DAYS
    use = ExtendedKeyUsageOID.SERVER_AUTH if servers else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if servers:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(server) for server in servers]), critical=False
        )
    _write_pair(folder, name, builder.sign(issuer_key, hashes.SHA256()), key)


def _general_name(server: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(server))
    except ValueError:
        return x509.DNSName(server)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise AuthorityError(f"no usable authority in {folder}: {error} / 先运行 authority init") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{folder / 'ca.key'} is not an elliptic-curve key")
    return certificate, key


def _write_pair(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    key_file = folder / f"{name}.key"
    if key_file.exists():
        raise AuthorityError(f"{key_file} exists already and is not overwritten / 私钥已存在，不会覆盖")
    write_atomic(
        key_file,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    write_atomic(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
