"""What happens by time alone: boxes fall silent, faults stay healed, reported repairs are confirmed.

Laws. Nobody is declared offline before the centre itself has listened for two heartbeats without a
break: after its start, after its own link or database came back, after its clock jumped. Monotonic time
measures the centre's own waits; a jump of the wall clock changes no state. One box, one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from controller.db import boxes, gauges
from controller.db import incidents as incidents_db
from controller.db.incidents import Unrecovered
from controller.db.transaction import DATABASE_DOWN, Store
from controller.domain.categories import CATEGORIES
from controller.domain.health import Verdict, standing_of
from controller.domain.incidents import SYSTEM, Action, State
from controller.domain.intake import HEALTH_CATEGORIES, wanted
from controller.metrics import BOXES, CLOCK_JUMPS, DEVICES, INCIDENTS_OPEN
from controller.services.incidents import Incidents
from controller.services.supervision import Patience, declare_offline, is_silent
from controller.services.village import Village
from runtime.clock import Clock

log = logging.getLogger(__name__)

JUMP_S: Final = 5.0
"""Wall and monotonic time apart by more than this between two looks: the wall clock was set."""
GAUGES_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The centre's waits, in seconds."""

    patience: Patience = field(default_factory=Patience)
    grace_s: float = 60.0
    check_s: float = 1.0
    recover_hold_s: float = 30.0
    verify_after_s: float = 1800.0
    case_prefix: str = "TG"


class Schedule:
    """``step`` looks once. ``listening`` says whether the centre can hear its boxes right now."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: ScheduleSettings,
        *,
        listening: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._listening = listening
        self._listening_since_s: float | None = None
        self._last: tuple[datetime, float] | None = None
        self._gauges_at_s: float | None = None

    def step(self) -> float:
        """One look at everything; returns the pause in seconds. Raises ``DATABASE_DOWN``."""
        try:
            self._watch_clock()
            if self._has_listened_long_enough():
                self._judge_silence()
            self._recover()
            self._verify()
            self._count()
        except DATABASE_DOWN:
            # while it was down no sign of life could be written
            self._listening_since_s = None
            raise
        return self._settings.check_s

    # --- silence ---------------------------------------------------------------------------------

    def _watch_clock(self) -> None:
        now, now_s = self._clock.now(), self._clock.monotonic()
        last, self._last = self._last, (now, now_s)
        if last is None:
            return
        jumped_s = (now - last[0]).total_seconds() - (now_s - last[1])
        if abs(jumped_s) <= JUMP_S:
            return
        CLOCK_JUMPS.inc()
        log.warning("the wall clock jumped by %.1f s: no box is judged before two more heartbeats", jumped_s)
        self._listening_since_s = None
        with self._store.write() as transaction:
            boxes.pull_back_last_seen(transaction.connection, now=now)

    def _has_listened_long_enough(self) -> bool:
        if not self._listening():
            self._listening_since_s = None
            return False
        now_s = self._clock.monotonic()
        if self._listening_since_s is None:
            self._listening_since_s = now_s
        return now_s - self._listening_since_s >= self._settings.grace_s

    def _judge_silence(self) -> None:
        now, patience = self._clock.now(), self._settings.patience
        with self._store.read() as connection:
            candidates = boxes.silent(
                connection,
                seen_before=now - timedelta(seconds=patience.offline_after_s),
                left_before=now - timedelta(seconds=patience.goodbye_s),
            )
        for box_id in candidates:
            self._in_village(box_id, self._judge_one)

    def _judge_one(self, village: Village) -> None:
        if is_silent(village, self._settings.patience):
            declare_offline(village)

    # --- healing ---------------------------------------------------------------------------------

    def _recover(self) -> None:
        held_since = self._clock.now() - timedelta(seconds=self._settings.recover_hold_s)
        with self._store.read() as connection:
            waiting = incidents_db.unrecovered(connection, changed_before=held_since)
        for box_id in sorted({one.box_id for one in waiting if _is_over(one)}):
            self._in_village(box_id, partial(self._recover_one, held_since=held_since))

    @staticmethod
    def _recover_one(village: Village, *, held_since: datetime) -> None:
        """What was read before is read again under the box's lock: it may have changed in between."""
        connection = village.transaction.connection
        waiting = incidents_db.unrecovered(connection, changed_before=held_since)
        over = {
            (one.device_id, one.category) for one in waiting if one.box_id == village.box.id and _is_over(one)
        }
        village.need({device_id for device_id, _ in over if device_id is not None})
        for device_id in {device_id for device_id, _ in over}:
            device = village.device(device_id) if device_id is not None else None
            for incident in incidents_db.open_about(connection, village.box.id, device_id):
                if (device_id, incident.category) in over:
                    village.incidents.recovered(village.place(device), incident)

    def _verify(self) -> None:
        """10xx: what was reported repaired and stayed healthy is confirmed by the machine."""
        before = self._clock.now() - timedelta(seconds=self._settings.verify_after_s)
        with self._store.read() as connection:
            candidates = incidents_db.recovered_in_feedback(connection, recovered_before=before)
        for incident_id in candidates:
            with self._store.write() as transaction:
                incident = incidents_db.lock(transaction.connection, incident_id)
                if incident is None or incident.state != State.FEEDBACK or incident.recovered_at is None:
                    continue
                steps = Incidents(transaction, now=self._clock.now(), case_prefix=self._settings.case_prefix)
                steps.act(incident_id, Action.VERIFY, actor=SYSTEM)

    # --- inside ----------------------------------------------------------------------------------

    def _in_village(self, box_id: str, work: Callable[[Village], None]) -> None:
        with self._store.write() as transaction:
            box = boxes.lock(transaction.connection, box_id)
            if box is None:
                return
            village = Village(transaction, box, now=self._clock.now(), case_prefix=self._settings.case_prefix)
            work(village)
            village.save()

    def _count(self) -> None:
        now_s = self._clock.monotonic()
        if self._gauges_at_s is not None and now_s - self._gauges_at_s < GAUGES_S:
            return
        self._gauges_at_s = now_s
        with self._store.read() as connection:
            counts = gauges.counts(connection)
        for state in ("online", "offline"):
            BOXES.labels(state=state).set(counts.boxes.get(state, 0))
        for verdict in Verdict:
            DEVICES.labels(verdict=verdict.value).set(counts.devices.get(verdict.value, 0))
        for category in CATEGORIES:
            INCIDENTS_OPEN.labels(category=category).set(counts.incidents.get(category, 0))


def _is_over(one: Unrecovered) -> bool:
    """Whether the fault is there no more. What only people can end is never over by itself."""
    if one.device_id is None:
        return one.category == "1001"
    if one.category not in HEALTH_CATEGORIES:
        return False
    standing = standing_of(one.device_class, one.rung, one.reason)
    called_for = wanted(one.device_class, standing, one.clock_error_ms)
    return called_for is not None and one.category not in called_for
