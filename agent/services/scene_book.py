"""The scene book: one page a device, on which what its camera says and what the box sees become episodes.

Laws. Every start that the log has gets its end: what the disk refuses is owed, in order; what goes on is
noted, and the start after a power cut ends what nobody would end, or goes on with what the camera will. What
is owed is bounded: beyond it nothing begins, and what has begun is still ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agent.errors import StoreFull
from agent.metrics import SCENE_EVENTS
from agent.model import SceneEvent
from agent.ports import Log, Notebook
from agent.services.clips import OVERDUE_S, ClipDesk
from agent.services.episodes import AT_ONCE, Episodes, Merging, Running, Sighting, Told
from protocol.messages import Box, Scene
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.clock import Clock
from runtime.pace import Pace

log = logging.getLogger(__name__)

NOTE_TOPIC: Final = "health_episodes"
"""What goes on, told and not ended; the name is from when it was health alone."""
NOTED_LIMIT: Final = 128
OWED_LIMIT: Final = 256
"""Entries that wait for the disk. What is over is held back; ends are not."""
BEGIN_BURST, BEGIN_EVERY_S = 30, 1.0
"""Episodes that one source of one device begins. A car every two seconds under two topics is one a second."""
LATE_LIMIT: Final = 64
HELD_BACK_SAID_S: Final = 60.0
STEP_S: Final = 0.5

RESTARTED: Final = "前哨中断后重启，结束未见 / the box was cut off and started again, the end was not seen"


@dataclass(frozen=True, slots=True)
class _Owed:
    """An entry on its way to the disk."""

    told: Told
    running: Running | None = None
    """What a start begins."""
    clip: str | None = None


class Page:
    """One device's page. Any thread may tell it something."""

    def __init__(
        self,
        device: str,
        *,
        log_: Log,
        clock: Clock,
        notebook: Notebook | None,
        merging: Merging,
        clips: ClipDesk | None,
    ) -> None:
        self._device = device
        self._log = log_
        self._clock = clock
        self._notebook = notebook
        self._clips = clips
        self._lock = threading.Lock()
        self._episodes = Episodes(merging)
        self._owed: deque[_Owed] = deque()
        self._told: dict[str, Running] = {}
        """Whose start the log has and whose end it has not, by episode."""
        self._noted = "[]"
        self._pace = Pace(burst=BEGIN_BURST, every_s=BEGIN_EVERY_S)
        self._late: dict[str, Sighting] = {}
        self._held_back = 0
        self._said_s: float | None = None
        self.remembered: Sequence[Mapping[str, str]] = ()
        """What the camera said before the restart of the box, as it was noted."""
        self._remember()

    @property
    def room(self) -> bool:
        """Whether something may begin."""
        return len(self._owed) < OWED_LIMIT

    @property
    def owed(self) -> int:
        """Entries the disk has refused so far."""
        return len(self._owed)

    def tell(self, sightings: Sequence[Sighting]) -> None:
        """Take what one source says, in its order. Raises StoreFull: what that held up is owed."""
        with self._lock:
            mono_s = self._clock.monotonic()
            self._settle(mono_s)
            for sighting in sightings:
                self._take(sighting, mono_s)
            self._write_and_note()

    def step(self) -> None:
        """Tell what is due. Raises StoreFull."""
        with self._lock:
            self._settle(self._clock.monotonic())
            if self._owed:
                self._write_and_note()

    def close(self) -> None:
        """The box stops: what is over is told now. What the disk refuses is ended by the next start."""
        with self._lock:
            self._owe(self._episodes.close())
            with contextlib.suppress(StoreFull):
                self._write_and_note()

    def _take(self, sighting: Sighting, mono_s: float) -> None:
        event = sighting.event
        if event.phase is Phase.END and self._late.pop(event.episode, None) is not None:
            return
        if event.seen_by is SeenBy.BOX and self._episodes.begins(event, mono_s=mono_s):
            if not self.room or self._pace.wait_s(mono_s) > 0:
                self._hold_back(sighting, mono_s)
                return
            self._pace.take(mono_s)
        self._owe(self._episodes.take(sighting, mono_s=mono_s))
        self._amend(sighting)

    def _hold_back(self, sighting: Sighting, mono_s: float) -> None:
        self._held_back += 1
        if sighting.event.phase is Phase.START and len(self._late) < LATE_LIMIT:
            self._late[sighting.event.episode] = sighting
        if self._said_s is None or mono_s - self._said_s >= HELD_BACK_SAID_S:
            log.warning("device=%s shows too much: %d starts held back", self._device, self._held_back)
            self._said_s = mono_s

    def _settle(self, mono_s: float) -> None:
        """Ends that are due, then starts for which there was no room."""
        self._owe(self._episodes.due(mono_s=mono_s, ready=self._clip_is_there))
        while self._late and self.room and self._pace.wait_s(mono_s) == 0:
            self._pace.take(mono_s)
            self._owe(self._episodes.take(self._late.pop(next(iter(self._late))), mono_s=mono_s))

    def _clip_is_there(self, episode: str, due_for_s: float) -> bool:
        return self._clips is None or due_for_s > OVERDUE_S or not self._clips.pending(episode)

    def _owe(self, told: Sequence[Told]) -> None:
        for one in told:
            event = one.event
            if event.phase is Phase.START:
                self._owed.append(_Owed(one, running=self._running(event.episode)))
                self._order_clip(event)
            elif event.phase is Phase.END and self._clips is not None:
                self._owed.append(_Owed(one, clip=self._clips.take(event.episode)))
            else:
                self._owed.append(_Owed(one))

    def _order_clip(self, start: SceneEvent) -> None:
        if self._clips is not None:
            self._clips.order(
                self._device, start.episode, topic=start.topic, at=start.time, mono_s=start.mono_s
            )

    def _running(self, episode: str) -> Running | None:
        return next((one for one in self._episodes.running if one.start.episode == episode), None)

    def _amend(self, sighting: Sighting) -> None:
        """A start the disk has not taken yet tells of the source that joined it."""
        for place, owed in enumerate(self._owed):
            start, found, event = owed.told.event, owed.running, sighting.event
            if found is None or len(found.sources) == len(owed.told.sources):
                continue
            seen = replace(
                start,
                score=event.score if start.score is None else start.score,
                box=start.box or event.box,
                reason=start.reason or event.reason,
            )
            evidence = owed.told.evidence or sighting.evidence
            self._owed[place] = replace(owed, told=Told(seen, found.sources, evidence))

    def _write_and_note(self) -> None:
        try:
            self._write()
        finally:
            self._note()

    def _write(self) -> None:
        """Write what is owed, in order; what the disk refuses stays owed. Raises StoreFull."""
        while self._owed:
            owed = self._owed[0]
            event = owed.told.event
            entry = scene_entry(event, evidence=owed.told.evidence, sources=owed.told.sources, clip=owed.clip)
            self._log.append(entry, at=event.time, subject=self._device)
            self._owed.popleft()
            SCENE_EVENTS.labels(seen_by=event.seen_by).inc()
            if event.phase is Phase.END:
                self._told.pop(event.episode, None)
            elif owed.running is not None:
                self._told[event.episode] = owed.running

    def _note(self) -> None:
        """Write down what goes on, when that changed: after a restart its end is still told."""
        lasting = json.dumps([_note_of(one) for one in self._told.values()])
        if self._notebook is None or lasting == self._noted:
            return
        try:
            self._notebook.note(self._device, NOTE_TOPIC, lasting)
        except StoreFull:
            return  # noted with the next event
        self._noted = lasting

    def _remember(self) -> None:
        noted = None if self._notebook is None else self._notebook.noted(self._device, NOTE_TOPIC)
        if noted is None:
            return
        try:
            now, mono_s = self._clock.now(), self._clock.monotonic()
            remembered = [(one, _running_of(one, now=now, mono_s=mono_s)) for one in _listed(noted)]
        except (ValueError, KeyError, TypeError):
            log.warning("device=%s what was noted before the restart cannot be read", self._device)
            return
        self._noted = noted
        self._told = {running.start.episode: running for _, running in remembered}
        self.remembered = [one for one, running in remembered if running.members]
        for _, running in remembered:
            if running.members:
                self._episodes.resume(running)
            else:
                self._owe([_cut_off(running, now=now, mono_s=mono_s)])


class SceneBook:
    """All pages of the box."""

    def __init__(
        self,
        *,
        log_: Log,
        clock: Clock,
        notebook: Notebook | None = None,
        merging: Merging = AT_ONCE,
        clips: ClipDesk | None = None,
    ) -> None:
        self._open: Callable[[str], Page] = lambda device: Page(
            device, log_=log_, clock=clock, notebook=notebook, merging=merging, clips=clips
        )
        self._lock = threading.Lock()
        self._pages: dict[str, Page] = {}

    def page(self, device: str) -> Page:
        """The page of a device; what was noted of it is read when it is first asked for."""
        with self._lock:
            if device not in self._pages:
                self._pages[device] = self._open(device)
            return self._pages[device]

    def step(self) -> float:
        """Tell what is due on every page. Raises StoreFull once every page had its turn."""
        refused: StoreFull | None = None
        for page in self._all():
            try:
                page.step()
            except StoreFull as error:
                refused = error
        if refused is not None:
            raise refused
        return STEP_S

    def close(self) -> None:
        """The box stops, and nobody tells anything any more."""
        for page in self._all():
            page.close()

    def _all(self) -> list[Page]:
        with self._lock:
            return list(self._pages.values())


def scene_entry(
    event: SceneEvent,
    *,
    evidence: str | None = None,
    clock_error_s: float | None = None,
    sources: Sequence[SeenBy] = (),
    clip: str | None = None,
) -> Scene:
    """A scene event as the wire carries it."""
    return Scene(
        topic=event.topic,
        phase=event.phase,
        seen_by=event.seen_by,
        episode=event.episode,
        score=None if event.score is None else round(min(1.0, max(0.0, event.score)), 3),
        reason=event.reason[:200],
        box=None
        if event.box is None
        else Box(
            left=round(event.box.left, 4),
            top=round(event.box.top, 4),
            right=round(event.box.right, 4),
            bottom=round(event.box.bottom, 4),
        ),
        count=event.count,
        duration_ms=None if event.duration_s is None else int(event.duration_s * 1000),
        evidence=evidence,
        zone=event.zone,
        clock_error_ms=None if clock_error_s is None else int(clock_error_s * 1000),
        sources=tuple(sources) if len(sources) > 1 else None,
        clip=clip,
    )


def _note_of(one: Running) -> dict[str, str]:
    """An episode as it is noted. The camera's side is what it always was: topic, source, episode, since."""
    camera = SeenBy.CAMERA in one.members.values()
    noted = {
        "topic": str(one.start.topic),
        "source": "",
        "episode": one.start.episode,
        "since": one.start.time.isoformat(),
        **((one.noted if camera else None) or {}),
    }
    if noted["episode"] != one.start.episode:
        noted["told"] = one.start.episode
    if one.sources != (SeenBy.CAMERA,):
        noted["sources"] = ",".join(one.sources)
    if not camera:
        noted["over"] = SeenBy.CAMERA.value
    if one.zone:
        noted["zone"] = one.zone
    return noted


def _listed(noted: str) -> Sequence[Mapping[str, str]]:
    listed = json.loads(noted)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise TypeError("no list of episodes")
    return listed[:NOTED_LIMIT]


def _running_of(noted: Mapping[str, str], *, now: datetime, mono_s: float) -> Running:
    """What was noted, as it goes on now. Raises ValueError, KeyError or TypeError for what is no note."""
    sources = tuple(SeenBy(word) for word in noted.get("sources", SeenBy.CAMERA.value).split(","))
    since = datetime.fromisoformat(noted["since"])
    member, zone = str(noted["episode"]), str(noted.get("zone", ""))
    start = SceneEvent(
        topic=SceneTopic(noted["topic"]),
        phase=Phase.START,
        seen_by=sources[0],
        episode=str(noted.get("told", member)),
        time=since,
        zone=zone,
        mono_s=mono_s - max(0.0, (now - since).total_seconds()),
    )
    members = {} if "over" in noted else {member: SeenBy.CAMERA}
    return Running(start, sources, members, zone=zone, noted={key: str(noted[key]) for key in _CAMERAS})


_CAMERAS: Final = ("topic", "source", "episode", "since")
"""What the camera's side of an episode is known by."""


def _cut_off(running: Running, *, now: datetime, mono_s: float) -> Told:
    """The end of what only the box saw: it looks anew."""
    end = replace(running.start, phase=Phase.END, time=now, reason=RESTARTED, mono_s=mono_s, supposed=True)
    return Told(end, running.sources)
