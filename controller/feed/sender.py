"""Pushes the feed to every subscription: at least once, in order per incident, each at its own pace.

Laws. The position of a subscription moves only after its receiver answered 2xx, or refused the entry
(which is then set aside and seen), in a transaction of its own; a crash in between repeats an entry
with the same id. A receiver that is away holds its own subscription and nobody else's: each has its
own thread. Between a commit and the first attempt lies a wake-up, not a poll.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import RowMapping

from controller.db import lists, subscriptions
from controller.db.subscriptions import Outcome, Subscription
from controller.db.transaction import DATABASE_DOWN, Store, new_ulid
from controller.domain.refusals import Refused
from controller.domain.targets import Resolver, Target
from controller.feed.posting import Attempt, Poster, resolve
from controller.feed.retry import SCHEDULE_S, Answer, pause_s
from controller.metrics import FEED_DELIVERIES, FEED_LAG
from protocol.messages import format_time
from runtime.clock import Clock
from runtime.worker import Worker

log = logging.getLogger(__name__)

BATCH = 50
PRUNE_EVERY = 200


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How the sender behaves; the defaults are Standard Webhooks' recommendations."""

    targets: tuple[Target, ...]
    schedule_s: tuple[float, ...] = SCHEDULE_S
    timeout_s: float = 15.0
    poll_s: float = 3.0
    """Look for new entries at least this often: another process may have written them."""
    ca_file: str | None = None


class Deliverer:
    """Sends to one subscription. ``step`` does one unit: one entry, or finding that there is none."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: SenderSettings,
        subscription_id: str,
        *,
        resolver: Resolver = resolve,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._id = subscription_id
        self._jitter = jitter
        self._ahead: list[RowMapping] = []
        self._sent = 0
        self._closing = False
        self._poster = Poster(
            allowed=settings.targets,
            timeout_s=settings.timeout_s,
            now=clock.now,
            resolver=resolver,
            verify=settings.ca_file or True,
        )

    def close(self) -> None:
        """End a running attempt; what it was about stays unacknowledged and comes again."""
        self._closing = True
        self._poster.close()

    def step(self) -> float:
        """One unit; returns the seconds until there may be more to do."""
        now = self._clock.now()
        with self._store.read() as connection:
            found = subscriptions.get(connection, self._id)
            if found is None or found.state != "active":
                self._ahead.clear()
                return self._settings.poll_s
            if found.next_at is not None and found.next_at > now:
                return self._until(found.next_at)
            secret = subscriptions.secret_of(connection, self._id)
            waiting = subscriptions.next_waiting(connection, self._id, now=now)
        if waiting is not None:
            self._again(found, waiting, secret)
            return 0.0
        entry = self._next(found)
        if entry is None:
            FEED_LAG.labels(subscription=self._id).set(0)
            return self._pause()
        FEED_LAG.labels(subscription=self._id).set(max(0.0, (now - entry["time"]).total_seconds()))
        self._first(found, entry, secret)
        return 0.0

    # --- choosing ------------------------------------------------------------------------------

    def _next(self, found: Subscription) -> RowMapping | None:
        """The next entry of the log for this subscription; None when there is none yet."""
        self._ahead = [entry for entry in self._ahead if entry["position"] > found.position]
        if not self._ahead:
            wanted = lists.FeedFilter(found.scope, found.types)
            with self._store.read() as connection:
                page = lists.feed_after(connection, found.position, wanted=wanted, limit=BATCH)
            self._ahead = list(page.entries)
            if not page.entries and page.upto > found.position:
                with self._store.write() as transaction:
                    subscriptions.skip_to(transaction.connection, self._id, page.upto)
        return self._ahead[0] if self._ahead else None

    def _pause(self) -> float:
        with self._store.read() as connection:
            due = subscriptions.next_due(connection, self._id)
        return self._settings.poll_s if due is None else self._until(due)

    def _until(self, moment: datetime) -> float:
        left_s = (moment - self._clock.now()) / timedelta(seconds=1)
        return min(self._settings.poll_s, max(0.01, left_s))

    # --- sending -------------------------------------------------------------------------------

    def _first(self, found: Subscription, entry: RowMapping, secret: str) -> None:
        key = subscriptions.order_key(entry)
        with self._store.read() as connection:
            blocked = subscriptions.is_blocked(connection, self._id, key)
            wanted = subscriptions.get(connection, self._id)
        if wanted is None or wanted.state != "active":
            return  # removed while this entry was being chosen: what was written since is not for it
        if blocked:
            self._pass(
                entry, Outcome("waiting", self._clock.now(), attempts=0, detail="behind an earlier entry")
            )
            return
        attempt = self._attempt(found, entry["id"], entry["body"], secret)
        if attempt.answer is Answer.DELIVERED:
            self._pass(entry, Outcome("delivered", self._clock.now(), status=attempt.status))
        elif attempt.answer is Answer.REFUSED:
            self._pass(entry, self._set_aside(attempt, attempts=1))
        else:
            self._hold(found, attempt)

    def _again(self, found: Subscription, row: RowMapping, secret: str) -> None:
        attempt = self._attempt(found, row["event_id"], row["body"], secret)
        if attempt.answer not in (Answer.DELIVERED, Answer.REFUSED):
            self._hold(found, attempt)
            return
        attempts = row["attempts"] + 1
        if attempt.answer is Answer.DELIVERED:
            outcome = Outcome("delivered", self._clock.now(), attempts, attempt.status)
        else:
            outcome = self._set_aside(attempt, attempts=attempts)
        with self._store.write() as transaction:
            subscriptions.settle(transaction.connection, self._id, row["position"], outcome)

    def _attempt(self, found: Subscription, event_id: str, body: str, secret: str) -> Attempt:
        attempt = self._poster.post(found.url, secret=secret, event_id=event_id, body=body)
        FEED_DELIVERIES.labels(answer=attempt.answer.value).inc()
        return attempt

    def _pass(self, entry: RowMapping, outcome: Outcome) -> None:
        with self._store.write() as transaction:
            passed = subscriptions.pass_entry(transaction.connection, self._id, entry, outcome)
            self._sent += 1
            if self._sent % PRUNE_EVERY == 0:
                subscriptions.prune(transaction.connection, self._id, upto=entry["position"])
        if not passed:
            self._ahead.clear()
            log.warning(
                "subscription=%s position=%d was passed by another sender", self._id, entry["position"]
            )

    def _set_aside(self, attempt: Attempt, *, attempts: int) -> Outcome:
        now = self._clock.now()
        if attempts > len(self._settings.schedule_s):
            log.error("subscription=%s gave up after %d attempts: %s", self._id, attempts, attempt.detail)
            return Outcome("dead", now, attempts, attempt.status, attempt.detail)
        wait_s = self._wait_s(attempt, failures=attempts)
        return Outcome(
            "waiting", now, attempts, attempt.status, attempt.detail, now + timedelta(seconds=wait_s)
        )

    def _hold(self, found: Subscription, attempt: Attempt) -> None:
        """The receiver is away: keep everything and come back later."""
        if self._closing:
            return  # the attempt was ended by us, which says nothing about the receiver
        why = f"{attempt.answer.value} {attempt.status or ''} {attempt.detail}".strip()
        if found.failures == 0:
            log.warning("subscription=%s host=%s holds: %s", self._id, _host(found.url), why)
        failures = found.failures + 1
        next_at = self._clock.now() + timedelta(seconds=self._wait_s(attempt, failures=failures))
        with self._store.write() as transaction:
            if attempt.answer is Answer.GONE:
                subscriptions.disable(
                    transaction.connection, self._id, why="410 Gone: the receiver is no more"
                )
                log.error("subscription=%s host=%s answered 410: switched off", self._id, _host(found.url))
            else:
                subscriptions.hold(
                    transaction.connection, self._id, why=why, next_at=next_at, failures=failures
                )

    def _wait_s(self, attempt: Attempt, *, failures: int) -> float:
        return pause_s(
            self._settings.schedule_s,
            failures=failures,
            jitter=self._jitter(),
            retry_after_s=attempt.retry_after_s,
        )


class Sender:
    """Keeps one deliverer with its thread per active subscription."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: SenderSettings,
        *,
        on_fatal: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._on_fatal = on_fatal
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Worker, Deliverer]] = {}
        self._keeper = self._worker("feed-keeper", self._keep)

    def start(self) -> None:
        self._keeper.start()

    def wake(self) -> None:
        """There is something new, or a subscription changed."""
        self._keeper.wake()
        with self._lock:
            workers = [worker for worker, _ in self._running.values()]
        for worker in workers:
            worker.wake()

    def stop(self, timeout_s: float = 4.0) -> None:
        """End running attempts and all threads."""
        self._keeper.stop(timeout_s)
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
        for _, deliverer in running:
            deliverer.close()
        for worker, _ in running:
            worker.stop(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the keeper and every deliverer run."""
        with self._lock:
            workers = [worker for worker, _ in self._running.values()]
        return self._keeper.alive and all(worker.alive for worker in workers)

    def _keep(self) -> float:
        with self._store.read() as connection:
            wanted = {found.id for found in subscriptions.find(connection) if found.state == "active"}
        with self._lock:
            gone = [self._running.pop(key) for key in list(self._running) if key not in wanted]
            fresh = [key for key in sorted(wanted) if key not in self._running]
            for key in fresh:
                deliverer = Deliverer(self._store, self._clock, self._settings, key)
                self._running[key] = (self._worker(f"feed-{key[-8:]}", deliverer.step), deliverer)
                self._running[key][0].start()
        for worker, deliverer in gone:
            deliverer.close()
            worker.stop()
        return self._settings.poll_s

    def _worker(self, name: str, step: Callable[[], float]) -> Worker:
        return Worker(name, step, expected=DATABASE_DOWN, on_fatal=self._on_fatal)


def try_once(
    store: Store,
    clock: Clock,
    settings: SenderSettings,
    subscription_id: str,
    *,
    resolver: Resolver = resolve,
) -> Attempt:
    """Send one test event that is not in the feed. Raises Refused(not_found)."""
    with store.read() as connection:
        found = subscriptions.get(connection, subscription_id)
        if found is None:
            raise Refused("not_found")
        secret = subscriptions.secret_of(connection, subscription_id)
    identity = new_ulid(clock.now())
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": "/centre",
        "type": "outpost.test.v1",
        "time": format_time(clock.now()),
        "subject": subscription_id.lower(),
        "datacontenttype": "application/json",
        "data": {"kind": "test"},
    }
    poster = Poster(
        allowed=settings.targets,
        timeout_s=settings.timeout_s,
        now=clock.now,
        resolver=resolver,
        verify=settings.ca_file or True,
    )
    try:
        return poster.post(found.url, secret=secret, event_id=identity, body=json.dumps(event))
    finally:
        poster.close()


def _host(url: str) -> str:
    """What of a receiver's address may stand in a log: group robots carry their token in path or query."""
    return urlsplit(url).netloc
