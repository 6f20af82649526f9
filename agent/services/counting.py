"""Counting devices: each hour's passages to the log, and silence against what is usual. Never who or what.

Law: listeners hand over and go on; one worker writes. What an hour was is written once: it is noted as told
before it is appended, so a box that loses power between the two loses that one hour and never doubles one.
Counters' bases and the open hour are noted once a minute and at the end; after a kill what the counters show
makes up for the rest.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.errors import StoreFull
from agent.metrics import PASSAGE_REPORTS, SCENE_EVENTS, SILENT_DEVICES
from agent.model import CameraEvent, Device, SceneEvent
from agent.ports import Log, Notebook
from agent.services.passages import HourCount, PassageBook, is_passage
from agent.services.scene_book import scene_entry
from agent.services.silence import Silence, SilenceJudge
from protocol.messages import PassageCount
from protocol.words import DeviceClass, Phase, SceneTopic, SeenBy
from runtime.clock import Clock

log = logging.getLogger(__name__)

BOOK, BASELINE = "passages", "passage_baseline"
STEP_S = 2.0
NOTE_S = 60.0
LATE_SHARE = 0.5
"""A device of whose reports in an hour so many are late is named in the log."""
CLASSES = frozenset({DeviceClass.MICRO_CHECKPOINT, DeviceClass.FACE_CAPTURE})


@dataclass(slots=True)
class _Counter:
    device: str
    book: PassageBook
    judge: SilenceJudge
    said: list[Silence] = field(default_factory=list)
    noted_s: float = 0.0
    dirty: bool = False
    learned: bool = False
    late: bool = False


class Counting:
    """All counting devices of the box. ``hear`` comes from listener threads, ``step`` from one worker."""

    def __init__(
        self,
        *,
        log_: Log,
        notebook: Notebook,
        clock: Clock,
        clock_error_s: Callable[[str], float | None],
        new_episode: Callable[[], str],
    ) -> None:
        """``clock_error_s``: device clock minus box clock of a device, None when unknown."""
        self._log = log_
        self._notebook = notebook
        self._clock = clock
        self._clock_error_s = clock_error_s
        self._new_episode = new_episode
        self._counters: dict[str, _Counter] = {}
        self._lock = threading.Lock()

    def add(self, device: Device) -> None:
        """Count one more device from now on; no effect for classes that count nothing."""
        if device.device_class not in CLASSES:
            return
        counter = _Counter(device.id, self._book(device.id), self._judge(device.id))
        with self._lock:
            self._counters[device.id] = counter

    def remove(self, device: str) -> None:
        """Count it no more."""
        with self._lock:
            self._counters.pop(device, None)

    def hear(self, device: str, events: Sequence[CameraEvent], began_s: float) -> Sequence[CameraEvent]:
        """A pull of a device went well: what it brought, and since when it listened (monotonic).

        Returns what is no passage: on a counting device a crossed line is a passage, never an intrusion.
        """
        counter = self._counters.get(device)
        if counter is None:
            return events
        error_s = self._clock_error_s(device)
        with self._lock:
            now, ended_s = self._clock.now(), self._clock.monotonic()
            heard = counter.book.hear(
                events, began_s=began_s, ended_s=ended_s, now=now, clock_error_s=error_s
            )
            silence = counter.judge.hear(heard, now=now)
            if silence is not None:
                counter.said.append(silence)
            counter.dirty = True
        for outcome, reports in (
            ("in_time", heard.in_time),
            ("late", heard.late),
            ("untimed", heard.untimed),
        ):
            if reports:
                PASSAGE_REPORTS.labels(outcome=outcome).inc(reports)
        return [event for event in events if not is_passage(event)]

    def step(self) -> float:
        """Write what is over and due. Raises StoreFull; what could not be written stays owed."""
        for counter in list(self._counters.values()):
            with self._lock:
                counter.book.tick(self._clock.now())
            self._write_hours(counter)
            self._write_silences(counter)
            self._note(counter)
        SILENT_DEVICES.set(sum(counter.judge.silent for counter in list(self._counters.values())))
        return STEP_S

    def close(self) -> None:
        """Note where every counter stands; call it when no listener hears any more."""
        for counter in list(self._counters.values()):
            with contextlib.suppress(StoreFull):
                self._note(counter, now=True)

    def _write_hours(self, counter: _Counter) -> None:
        while True:
            with self._lock:
                count = counter.book.next_owed()
                document = counter.book.document()
            if count is None:
                return
            try:
                self._notebook.note(counter.device, BOOK, document)
                self._log.append(_entry(count), at=self._clock.now(), subject=counter.device)
            except StoreFull:
                self._owe_again(counter, count)
                raise
            with self._lock:
                counter.judge.learn(count)
            counter.learned = True
            self._tell_lateness(counter, count)

    def _owe_again(self, counter: _Counter, count: HourCount) -> None:
        with self._lock:
            counter.book.owed.insert(0, count)
            document = counter.book.document()
        with contextlib.suppress(StoreFull):
            self._notebook.note(counter.device, BOOK, document)

    def _tell_lateness(self, counter: _Counter, count: HourCount) -> None:
        late = count.late_ratio is not None and count.late_ratio >= LATE_SHARE
        if count.late_ratio is None or late == counter.late:
            return
        counter.late = late
        words = "uploads late" if late else "uploads in time again"
        log.warning(
            "device=%s %s: %.0f %% of an hour's reports over 60 s, median %.0f s",
            counter.device,
            words,
            count.late_ratio * 100,
            count.delay_s or 0.0,
        )

    def _write_silences(self, counter: _Counter) -> None:
        while counter.said:
            said = counter.said[0]
            event = SceneEvent(
                topic=SceneTopic.SILENCE,
                phase=said.phase,
                seen_by=SeenBy.BOX,
                episode=said.episode,
                time=said.at,
                reason=said.reason,
                duration_s=said.duration_s,
            )
            started = said.phase is Phase.START
            self._log.append(
                scene_entry(event),
                at=said.at,
                subject=counter.device,
                severity="WARN" if started else "INFO",
            )
            with self._lock:
                counter.said.pop(0)
            counter.learned = True
            SCENE_EVENTS.labels(seen_by=SeenBy.BOX).inc()
            log.info("device=%s silence %s: %s", counter.device, said.phase, said.reason)

    def _note(self, counter: _Counter, *, now: bool = False) -> None:
        mono_s = self._clock.monotonic()
        if counter.learned or now:
            with self._lock:
                document = counter.judge.document()
            self._notebook.note(counter.device, BASELINE, document)
            counter.learned = False
        if counter.dirty and (now or mono_s - counter.noted_s >= NOTE_S):
            with self._lock:
                document = counter.book.document()
                counter.dirty = False
            self._notebook.note(counter.device, BOOK, document)
            counter.noted_s = mono_s

    def _book(self, device: str) -> PassageBook:
        document = self._notebook.noted(device, BOOK)
        if document is None:
            return PassageBook()
        try:
            return PassageBook.restored(document)
        except ValueError as error:
            log.warning("device=%s its counts begin anew: %s", device, error)
            return PassageBook()

    def _judge(self, device: str) -> SilenceJudge:
        judge = SilenceJudge(new_episode=self._new_episode)
        document = self._notebook.noted(device, BASELINE)
        if document is not None:
            try:
                judge.restore(document)
            except ValueError as error:
                log.warning("device=%s what is usual is learned anew: %s", device, error)
        return judge


def _entry(count: HourCount) -> PassageCount:
    return PassageCount(
        hour=count.hour,
        passages=count.passages,
        observed_s=count.observed_s,
        delay_ms=None if count.delay_s is None else round(count.delay_s * 1000),
        late_ratio=None if count.late_ratio is None else round(count.late_ratio, 4),
        resets=count.resets,
    )
