"""A person or a case system takes an action on an incident.

Law: role, place, version, table, history, feed and audit are one transaction; the same idempotency key
has its effect once (invariant 7), and is refused for another request.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection

from controller.db import audit, idempotency, lists
from controller.db import incidents as incidents_db
from controller.db.transaction import Store
from controller.domain.incidents import ACTION_WORDS, Action, IllegalTransition, State, allowed
from controller.domain.refusals import Refused
from controller.domain.roles import Caller
from controller.services.incidents import Incidents, VersionStale
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done. ``incident`` is an id or a case number, ``version`` what the caller saw."""

    incident: str
    action: str
    version: int
    text: str = ""
    unit: str = ""
    key: str | None = None
    """Chosen by the sender; a repeat with the same key changes nothing."""


def possible(state: str, caller: Caller) -> list[str]:
    """The actions the table allows in ``state`` and the caller's role may take."""
    if state not in set(State):
        return []
    return [str(action) for action in allowed(State(state)) if caller.may_act(action)]


class Acting:
    """Carries out orders. ``case_prefix`` is the county's."""

    def __init__(self, store: Store, clock: Clock, *, case_prefix: str = "TG") -> None:
        self._store = store
        self._clock = clock
        self._case_prefix = case_prefix

    def act(self, order: Order, caller: Caller) -> None:
        """Take one step. Raises Refused(not_permitted, not_found, version_stale, illegal_transition,
        input_invalid, key_reused)."""
        _check_role(order, caller)
        with self._store.write() as transaction:
            incident_id = _visible(transaction.connection, order, caller)
            # holding the row first lets a simultaneous repeat see the key of the one before it
            incidents_db.lock(transaction.connection, incident_id)
            if _repeated(transaction.connection, order, caller):
                return
            now = self._clock.now()
            steps = Incidents(transaction, now=now, case_prefix=self._case_prefix)
            try:
                changed = steps.act(
                    incident_id,
                    order.action,
                    actor=caller.name,
                    text=order.text,
                    unit=order.unit,
                    version=order.version,
                )
            except VersionStale as stale:
                raise Refused("version_stale", en=str(stale)) from stale
            except IllegalTransition as refused:
                raise Refused("illegal_transition", zh=refused.zh, en=refused.en) from refused
            if order.key is not None:
                idempotency.add(
                    transaction.connection,
                    _key_hash(order.key, caller),
                    request_hash=_request_hash(order),
                    answer=json.dumps({"incident": incident_id, "version": changed.version}),
                    at=now,
                )
            audit.append(
                transaction.connection,
                at=now,
                actor=caller.name,
                action=f"incident_{order.action}",
                subject=f"incident:{changed.case_no}",
                detail={"to": changed.state, "version": changed.version, "unit": order.unit},
                remote=caller.remote,
            )


def _check_role(order: Order, caller: Caller) -> None:
    known = [str(action) for action in Action if action is not Action.OPEN]
    if order.action not in known:
        raise Refused(
            "input_invalid",
            zh=f"没有动作 {order.action!r}；可用：{'、'.join(known)}。",
            en=f"There is no action {order.action!r}; there are: {', '.join(known)}.",
        )
    if not caller.may_act(order.action):
        raise Refused(
            "not_permitted",
            zh=f"您的角色不能“{ACTION_WORDS[order.action][0]}”。",
            en=f"Your role may not {order.action!r}.",
        )


def _visible(connection: Connection, order: Order, caller: Caller) -> str:
    row = lists.incident(connection, caller.scope, order.incident)
    if row is None:
        raise Refused(
            "not_found", zh="没有该事项，或不在您的管辖范围。", en="No such incident in your place."
        )
    return str(row["id"])


def _repeated(connection: Connection, order: Order, caller: Caller) -> bool:
    if order.key is None:
        return False
    before = idempotency.get(connection, _key_hash(order.key, caller))
    if before is not None and before != _request_hash(order):
        raise Refused("key_reused")
    return before is not None


def _key_hash(key: str, caller: Caller) -> str:
    return hashlib.sha256(f"{caller.name}\n{key}".encode()).hexdigest()


def _request_hash(order: Order) -> str:
    fields = [order.incident, order.action, order.version, order.text, order.unit]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()
