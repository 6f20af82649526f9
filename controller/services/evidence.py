"""Stills and clips that boxes send: stored once by hash, shown only to whom they concern, every view audited.

Laws. The name is the SHA-256 of the content and is checked on the way in, so a box can neither replace
a picture nor poison another's. Files are written whole or not at all, before the row that knows them.
The box's clock may be wrong: its time stamp is counted, not refused; the hash binds the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, update

from controller.db import audit, boxes, lists, tables
from controller.db.transaction import Store
from controller.domain.media import JPEG, LARGEST_BYTES, MOST_BYTES, media_type
from controller.domain.refusals import Refused
from controller.domain.roles import Caller
from controller.metrics import EVIDENCE_CLOCK_WARNINGS, EVIDENCE_UPLOADS
from runtime.clock import Clock
from runtime.files import write_atomic

log = logging.getLogger(__name__)

CLOCK_TOLERANCE: Final = timedelta(seconds=300)
KEPT: Final = timedelta(days=30)
"""State Council Order 799, art. 17: at least 30 days, then gone once the purpose is met."""

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2999
"""A still is taken from ``FIRST_YEAR`` to this one: what every time on the wire keeps to."""

_AUTHORIZATION = re.compile(r"Outpost-Box ts=(\d{1,12}), ?mac=([A-Za-z0-9_-]{43}=?)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Upload:
    """One request of a box to store a still or a clip."""

    box: str
    sha256: str
    path: str
    """Path of the request as it was sent."""
    query: str
    authorization: str
    body: bytes
    device: str | None = None
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Still:
    """A stored still or clip, ready to be sent."""

    sha256: str
    media_type: str
    content: bytes


class EvidenceStore:
    """Keeps stills and clips under ``folder`` as ``ab/cdef…``."""

    def __init__(self, store: Store, clock: Clock, folder: Path, *, kept: timedelta = KEPT) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self._kept = kept

    def put(self, upload: Upload) -> bool:
        """Store a still or clip; True when it is new. Idempotent.

        Raises Refused(box_refused, mac_wrong, hash_mismatch, media_type, body_too_large, input_invalid).
        """
        try:
            fresh = self._put(upload)
        except Refused as refused:
            EVIDENCE_UPLOADS.labels(outcome=refused.code).inc()
            log.warning("box=%s evidence=%s refused=%s", upload.box, upload.sha256[:16], refused.code)
            raise
        EVIDENCE_UPLOADS.labels(outcome="stored" if fresh else "known").inc()
        return fresh

    def _put(self, upload: Upload) -> bool:
        if not _SHA256.fullmatch(upload.sha256):
            raise Refused("input_invalid", en="The name must be 64 hexadecimal digits, lower case.")
        if len(upload.body) > LARGEST_BYTES:
            raise Refused("body_too_large", en=f"Evidence has at most {LARGEST_BYTES} bytes.")
        if upload.taken_at is not None and not FIRST_YEAR <= upload.taken_at.year <= LAST_YEAR:
            raise Refused("input_invalid", en=f"taken_at must lie within {FIRST_YEAR} to {LAST_YEAR}.")
        with self._store.read() as connection:
            self._authenticate(connection, upload)
        if hashlib.sha256(upload.body).hexdigest() != upload.sha256:
            raise Refused("hash_mismatch")
        found = media_type(upload.body)
        if found is None:
            raise Refused(
                "media_type",
                zh="只接受完整的 JPEG 图像，或不带声音的 MP4 短片。",
                en="Only a whole JPEG, or a whole MP4 without sound, is accepted.",
            )
        if len(upload.body) > MOST_BYTES[found]:
            raise Refused("body_too_large", en=f"{found} has at most {MOST_BYTES[found]} bytes.")
        file = self._file(upload.sha256)
        if not file.exists():
            write_atomic(file, upload.body)
        return self._remember(upload, found)

    def _authenticate(self, connection: Connection, upload: Upload) -> None:
        box = tables.box
        row = connection.execute(select(box.c.mac_key, box.c.revoked).where(box.c.id == upload.box)).first()
        if row is None or row.revoked:
            raise Refused("box_refused")
        found = _AUTHORIZATION.fullmatch(upload.authorization)
        if found is None:
            raise Refused("mac_wrong", en="Expected: Authorization: Outpost-Box ts=<unix>, mac=<base64url>")
        stamp, given = found.group(1), _decoded(found.group(2))
        signed = f"PUT\n{upload.path}?{upload.query}\n{stamp}\n{upload.sha256}"
        if not hmac.compare_digest(given, hmac.digest(row.mac_key, signed.encode(), "sha256")):
            raise Refused("mac_wrong")
        if abs(self._clock.now().timestamp() - int(stamp)) > CLOCK_TOLERANCE.total_seconds():
            EVIDENCE_CLOCK_WARNINGS.inc()

    def _remember(self, upload: Upload, found: str) -> bool:
        table, now = tables.evidence, self._clock.now()
        with self._store.write() as transaction:
            boxes.lock(transaction.connection, upload.box)  # ingest writes whole device rows under it
            if found == JPEG:
                self._show(transaction.connection, upload)
            known = transaction.connection.execute(
                select(table.c.sha256).where(table.c.sha256 == upload.sha256)
            ).first()
            if known is not None:
                return False
            transaction.connection.execute(
                insert(table).values(
                    sha256=upload.sha256,
                    box_id=upload.box,
                    device_id=upload.device,
                    taken_at=upload.taken_at,
                    received_at=now,
                    bytes=len(upload.body),
                    media_type=found,
                    purpose="fault",
                    expires_at=now + self._kept,
                )
            )
        return True

    def _show(self, connection: Connection, upload: Upload) -> None:
        """The still is the device's last picture: boxes send the oldest first."""
        device = tables.device
        connection.execute(
            update(device)
            .where(device.c.id == upload.device, device.c.box_id == upload.box)
            .values(last_evidence=upload.sha256)
        )

    def view(self, sha256: str, caller: Caller, *, purpose: str) -> Still:
        """A still, with its view in the audit log. Raises Refused(not_found)."""
        with self._store.read() as connection:
            row = lists.evidence(connection, caller.scope, sha256)
        file = self._file(sha256) if row is not None else None
        if row is None or file is None or not file.exists():
            raise Refused("not_found")
        with self._store.write() as transaction:
            audit.append(
                transaction.connection,
                at=self._clock.now(),
                actor=caller.name,
                action="evidence_viewed",
                subject=f"evidence:{sha256}",
                detail={"purpose": purpose[:200], "box": row["box_id"], "device": row["device_id"]},
                remote=caller.remote,
            )
        return Still(sha256, row["media_type"], file.read_bytes())

    def purge(self) -> int:
        """Delete what is past its time; returns how many."""
        table = tables.evidence
        with self._store.write() as transaction:
            query = table.delete().where(table.c.expires_at <= self._clock.now()).returning(table.c.sha256)
            gone = list(transaction.connection.execute(query).scalars())
        for sha256 in gone:
            self._file(sha256).unlink(missing_ok=True)
        return len(gone)

    def _file(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise Refused("not_found")
        return self._folder / sha256[:2] / sha256[2:]


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=")
    except binascii.Error:
        return b""
