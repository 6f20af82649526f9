"""Webhook subscriptions and what became of each entry they were sent.

Law: ``position`` of a subscription moves only together with the delivery row of the entry it passes,
in one transaction: an entry is delivered, or set aside where people see it, or still ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, delete, exists, func, insert, or_, select, update

from controller.db.tables import delivery, feed, subscription
from controller.domain.roles import Scope

KEPT_DELIVERED: Final = 1000
"""Delivered rows kept per subscription, for people to look at; waiting and dead ones stay."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription as stored. The secret does not show in its representation."""

    id: str
    title: str
    url: str
    scope: Scope
    types: tuple[str, ...]
    position: int
    state: str
    why: str
    failures: int
    next_at: datetime | None
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to, as it is stored."""

    state: str
    """delivered, waiting or dead."""
    at: datetime
    attempts: int = 1
    status: int | None = None
    detail: str = ""
    next_at: datetime | None = None


def add(
    connection: Connection,
    *,
    subscription_id: str,
    title: str,
    url: str,
    secret: str,
    scope: Scope,
    types: tuple[str, ...],
    position: int,
    at: datetime,
) -> None:
    """Store a new subscription that begins after ``position``."""
    connection.execute(
        insert(subscription).values(
            id=subscription_id,
            title=title,
            url=url,
            secret=secret,
            civil_code=scope.place,
            categories=list(scope.categories),
            types=list(types),
            position=position,
            created_at=at,
        )
    )


def get(connection: Connection, subscription_id: str) -> Subscription | None:
    """One subscription."""
    row = (
        connection.execute(select(subscription).where(subscription.c.id == subscription_id))
        .mappings()
        .first()
    )
    return None if row is None else _subscription(row)


def secret_of(connection: Connection, subscription_id: str) -> str:
    """The signing secret; for the sender alone."""
    return str(
        connection.execute(
            select(subscription.c.secret).where(subscription.c.id == subscription_id)
        ).scalar_one()
    )


def find(
    connection: Connection, *, within: str = "", after: str | None = None, limit: int = 1000
) -> list[Subscription]:
    """Subscriptions by id, those whose place lies within the civil code prefix ``within``."""
    query = select(subscription).order_by(subscription.c.id).limit(limit)
    query = query.where(subscription.c.civil_code.startswith(within, autoescape=True))
    if after is not None:
        query = query.where(subscription.c.id > after)
    return [_subscription(row) for row in connection.execute(query).mappings()]


def change(connection: Connection, subscription_id: str, *, version: int, **values: Any) -> bool:
    """Set columns when the version still is ``version``; returns whether it was."""
    done = connection.execute(
        update(subscription)
        .where(subscription.c.id == subscription_id, subscription.c.version == version)
        .values(version=version + 1, **values)
    )
    return done.rowcount == 1


def remove(connection: Connection, subscription_id: str) -> bool:
    """Delete a subscription and its deliveries; returns whether there was one."""
    connection.execute(delete(delivery).where(delivery.c.subscription_id == subscription_id))
    return connection.execute(delete(subscription).where(subscription.c.id == subscription_id)).rowcount == 1


# --- the sender's side ---------------------------------------------------------------------------


def pass_entry(connection: Connection, subscription_id: str, entry: RowMapping, outcome: Outcome) -> bool:
    """Write down what became of ``entry`` and move the position to it.

    False when the position is there already or the subscription is gone: somebody else sends too.
    """
    moved = connection.execute(
        update(subscription)
        .where(subscription.c.id == subscription_id, subscription.c.position < entry["position"])
        .values(position=entry["position"], failures=0, next_at=None, why="")
    )
    if moved.rowcount != 1:
        return False
    connection.execute(
        insert(delivery).values(
            subscription_id=subscription_id,
            position=entry["position"],
            event_id=entry["id"],
            order_key=order_key(entry),
            state=outcome.state,
            attempts=outcome.attempts,
            first_at=outcome.at,
            last_at=outcome.at,
            next_at=outcome.next_at,
            status=outcome.status,
            detail=outcome.detail,
        )
    )
    return True


def skip_to(connection: Connection, subscription_id: str, position: int) -> None:
    """Move past entries that the subscription's filter leaves out."""
    connection.execute(
        update(subscription)
        .where(subscription.c.id == subscription_id, subscription.c.position < position)
        .values(position=position)
    )


def hold(connection: Connection, subscription_id: str, *, why: str, next_at: datetime, failures: int) -> None:
    """The receiver is not there: nothing moves before ``next_at``."""
    connection.execute(
        update(subscription)
        .where(subscription.c.id == subscription_id)
        .values(why=why[:200], next_at=next_at, failures=failures)
    )


def disable(connection: Connection, subscription_id: str, *, why: str) -> None:
    """Switch a subscription off until people switch it on again."""
    connection.execute(
        update(subscription)
        .where(subscription.c.id == subscription_id)
        .values(state="disabled", why=why[:200], version=subscription.c.version + 1)
    )


def settle(connection: Connection, subscription_id: str, position: int, outcome: Outcome) -> None:
    """Write down a further attempt at an entry that was set aside."""
    connection.execute(
        update(delivery)
        .where(delivery.c.subscription_id == subscription_id, delivery.c.position == position)
        .values(
            state=outcome.state,
            attempts=outcome.attempts,
            last_at=outcome.at,
            next_at=outcome.next_at,
            status=outcome.status,
            detail=outcome.detail,
        )
    )


def is_blocked(connection: Connection, subscription_id: str, key: str) -> bool:
    """Whether an earlier entry of the same incident still waits, so that this one must wait behind it."""
    waiting = and_(
        delivery.c.subscription_id == subscription_id,
        delivery.c.state == "waiting",
        delivery.c.order_key == key,
    )
    return bool(connection.execute(select(exists().where(waiting))).scalar_one())


def next_waiting(connection: Connection, subscription_id: str, *, now: datetime) -> RowMapping | None:
    """The earliest entry set aside that is due, and first of its incident; with the feed's body."""
    earlier = delivery.alias("earlier")
    behind = exists().where(
        earlier.c.subscription_id == delivery.c.subscription_id,
        earlier.c.state == "waiting",
        earlier.c.order_key == delivery.c.order_key,
        earlier.c.position < delivery.c.position,
    )
    query = (
        select(delivery, feed.c.body)
        .join(feed, feed.c.position == delivery.c.position)
        .where(
            delivery.c.subscription_id == subscription_id,
            delivery.c.state == "waiting",
            or_(delivery.c.next_at.is_(None), delivery.c.next_at <= now),
            ~behind,
        )
        .order_by(delivery.c.position)
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def next_due(connection: Connection, subscription_id: str) -> datetime | None:
    """When the next entry set aside is due; None when none waits for a time."""
    found = connection.execute(
        select(func.min(delivery.c.next_at)).where(
            delivery.c.subscription_id == subscription_id, delivery.c.state == "waiting"
        )
    ).scalar_one()
    return found if isinstance(found, datetime) else None


def deliveries(
    connection: Connection,
    subscription_id: str,
    *,
    state: str | None,
    before: int | None,
    limit: int,
) -> Sequence[RowMapping]:
    """What became of the entries, newest first."""
    query = (
        select(delivery, feed.c.type, feed.c.incident_id)
        .join(feed, feed.c.position == delivery.c.position)
        .where(delivery.c.subscription_id == subscription_id)
        .order_by(delivery.c.position.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(delivery.c.state == state)
    if before is not None:
        query = query.where(delivery.c.position < before)
    return connection.execute(query).mappings().all()


def revive(connection: Connection, subscription_id: str, position: int, *, at: datetime) -> bool:
    """Let a dead letter be tried again now; returns whether there was one."""
    done = connection.execute(
        update(delivery)
        .where(
            delivery.c.subscription_id == subscription_id,
            delivery.c.position == position,
            delivery.c.state == "dead",
        )
        .values(state="waiting", attempts=0, next_at=at)
    )
    return done.rowcount == 1


def counts(connection: Connection, subscription_id: str) -> dict[str, int]:
    """How many deliveries are in which state."""
    query = (
        select(delivery.c.state, func.count())
        .where(delivery.c.subscription_id == subscription_id)
        .group_by(delivery.c.state)
    )
    return {state: int(count) for state, count in connection.execute(query).all()}


def prune(connection: Connection, subscription_id: str, *, upto: int) -> None:
    """Forget delivered rows more than ``KEPT_DELIVERED`` positions below ``upto``."""
    connection.execute(
        delete(delivery).where(
            delivery.c.subscription_id == subscription_id,
            delivery.c.state == "delivered",
            delivery.c.position < upto - KEPT_DELIVERED,
        )
    )


def order_key(entry: RowMapping) -> str:
    """What must stay in order among itself: an incident, else a device, else a box."""
    return str(entry["incident_id"] or entry["device_id"] or entry["box_id"] or "-")


def _subscription(row: RowMapping) -> Subscription:
    return Subscription(
        id=row["id"],
        title=row["title"],
        url=row["url"],
        scope=Scope(row["civil_code"], tuple(row["categories"])),
        types=tuple(row["types"]),
        position=row["position"],
        state=row["state"],
        why=row["why"],
        failures=row["failures"],
        next_at=row["next_at"],
        version=row["version"],
        created_at=row["created_at"],
    )
