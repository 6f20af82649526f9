"""What a webhook's headers are: Standard Webhooks 1.0, symmetric signature ``v1``.

Law: ``webhook-id`` is the CloudEvents id of the entry, the same on every attempt and at every door,
so that a receiver recognises a repetition. The signature covers id, timestamp and body.
"""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(secret: str, *, event_id: str, at: datetime, body: str) -> dict[str, str]:
    """Headers of one attempt. ``secret`` is ``whsec_`` and base64; ``at`` is aware and stands in the
    timestamp, so that every attempt is fresh (receivers refuse more than five minutes of age)."""
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, _naive_utc(at), body),
    }


def _naive_utc(at: datetime) -> datetime:
    """The library stamps UTC on whatever it is given, so it must be given UTC."""
    return at.astimezone(UTC).replace(tzinfo=None)
