"""When the next attempt is made, and whether an answer means "not now" or "not this".

Law: an unreachable or overloaded receiver holds its whole subscription, nothing is lost and order is
kept. An entry the receiver refuses by itself (4xx) steps aside with everything of its incident, so
that it cannot hold up the others; after the last attempt it is a dead letter that people see.
"""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

SCHEDULE_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Standard Webhooks' recommended schedule: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
RETRY_AFTER_LIMIT_S: Final = 86400.0
"""A receiver may not put us off for longer than a day."""


class Answer(StrEnum):
    """What one attempt came to. Bounded: it is a metric label."""

    DELIVERED = "delivered"
    UNAVAILABLE = "unavailable"
    """No connection, no answer in time, 429 or 5xx, or a redirect: the receiver, not the entry."""
    REFUSED = "refused"
    """Any other 4xx: this entry is not wanted as it is."""
    GONE = "gone"
    """410: the subscription is switched off."""
    BLOCKED = "blocked"
    """The target is not on the allow-list (any more): nothing was sent."""


def answer_of(status: int) -> Answer:
    """The meaning of an HTTP status. Redirects are never followed and count as unavailable, because a
    receiver that moved is put right by people.

    >>> answer_of(204), answer_of(302), answer_of(429), answer_of(422)  # doctest: +ELLIPSIS
    (<Answer.DELIVERED: ...>, <Answer.UNAVAILABLE: ...>, <Answer.UNAVAILABLE: ...>, <Answer.REFUSED: ...>)
    """
    if 200 <= status < 300:
        return Answer.DELIVERED
    if status == 410:
        return Answer.GONE
    if status in (401, 403, 404, 407, 408, 425, 429) or not 400 <= status < 500:
        return Answer.UNAVAILABLE
    return Answer.REFUSED


def pause_s(
    schedule: tuple[float, ...], *, failures: int, jitter: float, retry_after_s: float | None = None
) -> float:
    """Seconds until the next attempt after ``failures`` (at least 1) failures in a row.

    ``jitter`` is a random number in [0, 1): the pause is the schedule's step plus up to a fifth of it.
    The last step repeats. A receiver's own Retry-After only ever makes the pause longer.
    """
    step = schedule[min(failures, len(schedule)) - 1]
    pause = step * (1 + 0.2 * jitter)
    if retry_after_s is not None:
        pause = max(pause, min(retry_after_s, RETRY_AFTER_LIMIT_S))
    return pause


def retry_after_s(header: str | None, *, now: datetime) -> float | None:
    """Seconds of a ``Retry-After`` header in either form (RFC 9110 10.2.3); None when absent or unusable."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header[:9])
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now) / timedelta(seconds=1))
