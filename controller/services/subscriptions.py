"""Webhook subscriptions: made, changed, removed, revived; each change is in the audit log.

Law: a target must be on the allow-list when it is set, and again whenever something is sent. The
signing secret is shown once, when it is made.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any

from controller.db import audit, subscriptions
from controller.db.subscriptions import Subscription
from controller.db.transaction import Store, Transaction, feed_position, new_ulid
from controller.domain.refusals import Refused
from controller.domain.roles import Scope
from controller.domain.targets import Target, TargetRefused, match
from runtime.clock import Clock


def new_secret() -> str:
    """A Standard Webhooks secret: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Subscriptions:
    """The use cases around subscriptions."""

    def __init__(self, store: Store, clock: Clock, *, allowed: Iterable[Target]) -> None:
        self._store = store
        self._clock = clock
        self._allowed = tuple(allowed)

    def add(
        self,
        *,
        title: str,
        url: str,
        scope: Scope,
        types: tuple[str, ...],
        actor: str,
        secret: str | None = None,
        from_start: bool = False,
    ) -> tuple[Subscription, str]:
        """A new subscription and its secret. It begins at the feed's end, or at its very start.

        Raises Refused(target_refused).
        """
        self._check(url)
        chosen = secret or new_secret()
        identity = new_ulid(self._clock.now())
        with self._store.write() as transaction:
            subscriptions.add(
                transaction.connection,
                subscription_id=identity,
                title=title,
                url=url,
                secret=chosen,
                scope=scope,
                types=types,
                position=0 if from_start else feed_position(transaction.connection),
                at=self._clock.now(),
            )
            added = _require(transaction, identity)
            self._note(transaction, actor, "subscription_added", identity, {"url": url})
        return added, chosen

    def change(
        self,
        subscription_id: str,
        *,
        version: int,
        actor: str,
        title: str | None = None,
        url: str | None = None,
        types: tuple[str, ...] | None = None,
        categories: tuple[str, ...] | None = None,
        active: bool | None = None,
    ) -> Subscription:
        """Change what is given. Switching on also tries at once. Raises Refused(not_found, version_stale,
        target_refused)."""
        if url is not None:
            self._check(url)
        values: dict[str, Any] = {
            "title": title,
            "url": url,
            "types": None if types is None else list(types),
            "categories": None if categories is None else list(categories),
        }
        values = {name: value for name, value in values.items() if value is not None}
        if active is not None:
            values |= {"state": "active" if active else "disabled", "why": "" if active else f"by {actor}"}
        if active:
            values |= {"failures": 0, "next_at": None}
        with self._store.write() as transaction:
            _require(transaction, subscription_id)
            if not subscriptions.change(transaction.connection, subscription_id, version=version, **values):
                raise Refused("version_stale")
            changed = _require(transaction, subscription_id)
            detail = {name: str(value)[:80] for name, value in values.items()}
            self._note(transaction, actor, "subscription_changed", subscription_id, detail)
        return changed

    def remove(self, subscription_id: str, *, actor: str) -> None:
        """Delete a subscription with its deliveries. Raises Refused(not_found)."""
        with self._store.write() as transaction:
            if not subscriptions.remove(transaction.connection, subscription_id):
                raise Refused("not_found")
            self._note(transaction, actor, "subscription_removed", subscription_id, {})

    def revive(self, subscription_id: str, position: int, *, actor: str) -> None:
        """Try a dead letter again. Raises Refused(not_found) when there is none."""
        with self._store.write() as transaction:
            if not subscriptions.revive(
                transaction.connection, subscription_id, position, at=self._clock.now()
            ):
                raise Refused("not_found")
            self._note(transaction, actor, "delivery_revived", subscription_id, {"position": position})

    def _check(self, url: str) -> None:
        try:
            match(url, self._allowed)
        except TargetRefused as refused:
            raise Refused(
                "target_refused", zh=f"{url} 不在配置 feed.targets 中，请管理员先添加。", en=str(refused)
            ) from refused

    def _note(
        self, transaction: Transaction, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        audit.append(
            transaction.connection,
            at=self._clock.now(),
            actor=actor,
            action=action,
            subject=f"subscription:{subject}",
            detail=detail,
        )


def _require(transaction: Transaction, subscription_id: str) -> Subscription:
    found = subscriptions.get(transaction.connection, subscription_id)
    if found is None:
        raise Refused("not_found")
    return found
