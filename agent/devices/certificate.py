"""What a certificate says of itself, for people to compare. Never a ground for trust: see ``pins``.

cryptography's X.509 costs 19 MiB and 0.1 s, so it is loaded by the command line that shows one, not by the
service, which compares fingerprints.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime

from agent.devices.redact import quoted


@dataclass(frozen=True, slots=True)
class Told:
    """Subject and validity. Empty and None where the certificate cannot be read."""

    subject: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def told_by(der: bytes) -> Told:
    """What these bytes say; an empty ``Told`` when they are no certificate a strict reader takes."""
    from cryptography import x509

    try:
        # Cameras have serial numbers of 0 and less, which it warns of.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = x509.load_der_x509_certificate(der)
            subject = read.subject.rfc4514_string()
            return Told(quoted(subject), read.not_valid_before_utc, read.not_valid_after_utc)
    except (ValueError, TypeError, x509.InvalidVersion):
        return Told()
