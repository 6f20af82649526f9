"""The command that confirms a device's certificate after it was replaced, and how a certificate is shown.

Law: both fingerprints are shown before anybody is asked; what is pinned is what was shown.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.devices.certificate import Told, told_by
from agent.devices.pins import Certificate
from agent.devices.tls_sentences import colons
from agent.model import Device

EXIT_OK, EXIT_REFUSED = 0, 3


def trust(desk: Desk, options: argparse.Namespace) -> int:
    """Show the pinned certificate and the one the device shows now; pin that one once confirmed."""
    device = desk.device(options.device)
    trusted = desk.room.trust(device)
    pinned, shown = trusted.pinned(), trusted.shown()
    same = pinned is not None and pinned.sha256 == shown.sha256
    if not desk.paper.as_json:
        columns, none = ("项目 item", "值 value"), "尚无原证书 / none is pinned yet"
        desk.paper.table(columns, rows(_told(pinned), "原证书 pinned"), empty=none)
        desk.paper.table(columns, rows(_told(shown), "现证书 shown now"), empty="")
    taken = same or confirmed(
        desk, options, f"{device.id}: 今后只认现证书 / only the one shown now from here on"
    )
    if taken and not same:
        trusted.take(shown)
    document = {"device": device.id, "pinned": _told(pinned), "shown": _told(shown), "trusted": taken}
    refusal = {} if taken else {"kind": "not_confirmed", "detail": desk.paper.said}
    desk.paper.document({**document, **refusal})
    if not taken:
        return EXIT_REFUSED
    desk.paper.line(f"{device.id}: {'证书没有变 / it is the same' if same else '已确认 / confirmed'}")
    return EXIT_OK


def pinned(desk: Desk, device: Device) -> dict[str, object] | None:
    """The pinned certificate of a device as it is shown; None where it has none."""
    return _told(desk.room.trust(device).pinned()) if device.tls else None


def rows(told: dict[str, object] | None, title: str = "证书 certificate") -> list[tuple[str, object]]:
    """A certificate as lines of a table."""
    if told is None:
        return []
    return [
        (f"{title} SHA-256", colons(str(told["sha256"]))),
        ("　主体 subject", told["subject"]),
        ("　有效期（不检查） validity (not checked)", told["validity"]),
    ]


def _told(certificate: Certificate | None) -> dict[str, object] | None:
    if certificate is None:
        return None
    told = told_by(certificate.der)
    return {
        "sha256": certificate.sha256,
        "subject": told.subject,
        "validity": _validity(told),
        "seen_at": certificate.seen_at,
    }


def _validity(told: Told) -> str:
    if told.valid_from is None or told.valid_until is None:
        return ""
    over = "，已过期 expired" if told.valid_until < datetime.now(UTC) else ""
    return f"{told.valid_from:%Y-%m-%d} – {told.valid_until:%Y-%m-%d}{over}"
