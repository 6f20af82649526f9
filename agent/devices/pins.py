"""Which certificate a device showed first, and that it still shows the same.

Law: the first certificate a device shows is noted before a word is sent to it; afterwards nothing is sent to
whoever shows another. The pin belongs to the ledger id: an address that changes takes it along. It is read at
every handshake, so that a pin confirmed by hand holds at once for the service that runs beside.
Neither name nor validity are checked: cameras have self-signed certificates for wrong names and wrong years.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.errors import StoreFull
from agent.ports import Notebook

log = logging.getLogger(__name__)

TOPIC = "tls_pin"
_KEPT_BYTES = 16_384
"""A larger certificate is known by its fingerprint alone."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was shown: its SHA-256 in lower-case hex, and the DER itself (empty: too large)."""

    sha256: str
    der: bytes = b""
    seen_at: datetime | None = None
    """By the box's clock, when it was noted; None when that is not known."""


def certificate_of(der: bytes, *, seen_at: datetime | None = None) -> Certificate:
    """The certificate in these bytes, whatever they are: nothing is parsed."""
    return Certificate(hashlib.sha256(der).hexdigest(), der if len(der) <= _KEPT_BYTES else b"", seen_at)


class Pins:
    """The pins of all devices of a box. Thread-safe. Without a notebook they last as long as this object."""

    def __init__(
        self, notebook: Notebook | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._notebook = notebook
        self._now = now
        self._unwritten: dict[str, Certificate] = {}
        self._lock = threading.Lock()

    def pinned(self, device: str) -> Certificate | None:
        """The certificate a device must show; None before its first sight."""
        with self._lock:
            return self._pinned(device)

    def admit(self, device: str, der: bytes) -> Certificate | None:
        """Take what a device shows: None when it may be spoken to, else the pinned one that it is not.

        The first one is noted, durably unless the disk is full: then it holds for this process, and is
        noted at a later handshake.
        """
        shown = certificate_of(der, seen_at=self._now())
        with self._lock:
            pinned = self._pinned(device)
            if pinned is not None and pinned.sha256 != shown.sha256:
                return pinned
            if pinned is None:
                log.info("device=%s certificate sha256=%s is pinned at first sight", device, shown.sha256)
            if pinned is None or device in self._unwritten:
                self._write(device, pinned or shown)
        return None

    def pin(self, device: str, certificate: Certificate) -> None:
        """From now on this certificate, because a person says so."""
        with self._lock:
            log.info("device=%s certificate sha256=%s is pinned by hand", device, certificate.sha256)
            self._write(device, certificate)

    def _pinned(self, device: str) -> Certificate | None:
        unwritten = self._unwritten.get(device)
        if unwritten is not None or self._notebook is None:
            return unwritten
        return _read(self._notebook.noted(device, TOPIC))

    def _write(self, device: str, certificate: Certificate) -> None:
        self._unwritten[device] = certificate
        if self._notebook is None:
            return
        try:
            self._notebook.note(device, TOPIC, _written(certificate))
        except StoreFull as error:
            log.warning("device=%s pin is not on the disk yet: %s", device, error)
            return
        del self._unwritten[device]


def _written(certificate: Certificate) -> str:
    document = {"sha256": certificate.sha256, "der": base64.b64encode(certificate.der).decode()}
    if certificate.seen_at is not None:
        document["seen"] = certificate.seen_at.isoformat(timespec="seconds")
    return json.dumps(document)


def _read(document: str | None) -> Certificate | None:
    """What a note says. One that cannot be read pins what no device shows: it never opens the door."""
    if document is None:
        return None
    try:
        told = json.loads(document)
        seen = told.get("seen")
        return Certificate(
            str(told["sha256"]),
            base64.b64decode(told["der"]),
            None if seen is None else datetime.fromisoformat(seen),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Certificate("unreadable")
