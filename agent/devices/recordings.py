"""When a recorder, or a camera with a card, recorded: asked the best way it offers, within 30 s.

    FindRecordings (else GetRecordings and GetRecordingInformation, else GetRecordingSummary)
      └─ each channel: FindEvents of RecordingHistory ──> spans, gaps, days, ratio
                       else what is told of oldest and newest

Laws. What was not read in full is not counted. Everything asked is a read: also devices of class INTEGRATED
are asked. Times are taken to the box's clock by the device's present clock error; what was recorded while its
clock was off otherwise stays off.
Sources: ONVIF Recording Search and Recording Control service specifications.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from agent.devices import recording_answers as answers
from agent.devices import recording_sentences as said
from agent.devices.identity import read_device_information, read_whereabouts
from agent.devices.recorded_spans import (
    Turn,
    clipped,
    gaps_in,
    longest,
    merged,
    recorded_days,
    recorded_ratio,
    spans_of,
)
from agent.devices.recording_answers import Recording, StateTold
from agent.devices.recording_search import Asker, Found, OutOfTime
from agent.devices.redact import quoted
from agent.devices.session import Session
from agent.devices.soap import child, child_text, element
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.model import RecordedChannel, RecordingReport, TimeSpan

_SCHEMA = "http://www.onvif.org/ver10/schema"
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_TOPICS = "http://www.onvif.org/ver10/topics"
_CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
_FIRST_USABLE = datetime(2000, 1, 1, tzinfo=UTC)
"""Oldest recordings of 1970 stand for "nothing" (recorded of two makes), 0000 for worse."""
_PASSED_OVER = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.NO_ONVIF, DeviceTrouble.BAD_ANSWER)
"""This way does not work; another may. Anything else says that the device does not answer at all."""
_BEFORE = timedelta(seconds=2)
"""The search begins so long before the oldest recording, that its begin is among the results."""
_FRESH = timedelta(seconds=120)
"""A device that records tells a newest recording some seconds old: it closes files, not frames."""


@dataclass(frozen=True, slots=True)
class _History:
    """Begins and ends told of one recording from ``since`` on; none, and why, when the device tells none."""

    told: Sequence[StateTold]
    since: datetime
    detail: str = ""


class RecordingReader:
    """Asks one device once. One thread."""

    def __init__(
        self,
        session: Session,
        *,
        stop: threading.Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._limits = session.limits
        self._asker = Asker(session, stop or threading.Event())
        self._now = now
        self._has_event_search = True
        self._troubles: list[DeviceError] = []

    def read(self, *, days: int) -> RecordingReport:
        """What the device keeps, and when it recorded in the last ``days`` days.

        Raises DeviceError when it cannot be asked at all; BAD_ANSWER when it has the service and refuses,
        HUNG when the time was over before it had listed anything.
        """
        try:
            return self._read(days)
        except OutOfTime as error:
            detail = said.too_slow(self._session.where, self._limits.recordings_s)
            raise self._session.error(DeviceTrouble.HUNG, detail) from error

    def _read(self, days: int) -> RecordingReport:
        with self._asker.within():
            self._session.clock()
            # Its log-in is proved by this question, so that a refused search is never taken for a password.
            read_device_information(self._session)
            self._asker.whereabouts = read_whereabouts(self._session)
        recordings = self._recordings() if self._asker.has("search") or self._asker.has("recording") else None
        if recordings is None:
            return self._not_offered(days)
        ends = self._now()
        listed = recordings[: self._limits.channels]
        channels = tuple(self._channel(one, days=days, ends=ends) for one in listed)
        if len(channels) == 1:
            channels = (replace(channels[0], channel=""),)
        detail = "" if channels else said.nothing_recorded(self._session.where)
        if len(recordings) > len(listed):
            detail = said.more_recordings(len(recordings) - len(listed))
        return RecordingReport(True, days, channels=channels, detail=detail)

    def _not_offered(self, days: int) -> RecordingReport:
        refused = [one for one in self._troubles if one.kind is DeviceTrouble.BAD_ANSWER]
        if refused:
            raise refused[0]  # it may be busy with others' searches: not the same as having none
        return RecordingReport(False, days, detail=said.no_recording_service(self._session.where))

    # --- which recordings there are ------------------------------------------------------------------

    def _recordings(self) -> Sequence[Recording] | None:
        """By the first way that works; None when none does."""
        ways = (self._by_search, self._by_configuration, self._by_summary)
        for way in ways:
            found = self._tried(way)
            if found is not None:
                return found
        return None

    def _tried(self, way: Callable[[], Sequence[Recording] | None]) -> Sequence[Recording] | None:
        try:
            return way()
        except DeviceError as error:
            if error.kind not in _PASSED_OVER:
                raise
            self._troubles.append(error)
            return None

    def _by_search(self) -> Sequence[Recording] | None:
        request = self._asker.search("FindRecordings", element(_ns("search"), "Scope"))
        found = self._asker.collected(
            request, ("GetRecordingSearchResults", "RecordingInformation"), _read_recordings
        )
        by_token = {one.token: one for one in found.read}
        # A search that never came to an end and gave nothing says nothing.
        return list(by_token.values()) if found.whole or by_token else None

    def _by_configuration(self) -> Sequence[Recording] | None:
        content = self._asker.ask("recording", "GetRecordings")
        listed = answers.configured_recordings(content, most=self._limits.channels)
        if not listed:
            return None
        by_job = self._recording_now()
        known = (replace(one, recording=by_job.get(one.token)) for one in listed)
        return [self._informed(one) for one in known]

    def _informed(self, recording: Recording) -> Recording:
        """With what GetRecordingInformation tells, where the device has that."""
        if not self._asker.has("search"):
            return recording
        try:
            token = element(_ns("search"), "RecordingToken", text=recording.token)
            content = self._asker.ask("search", "GetRecordingInformation", token)
        except OutOfTime:
            return recording
        except DeviceError as error:
            if error.kind not in _PASSED_OVER:
                raise
            return recording
        node = child(content, "RecordingInformation")
        told = None if node is None else answers.recording_of(node)
        if told is None:
            return recording
        recording_now = recording.recording if told.recording is None else told.recording
        return replace(
            told, token=recording.token, title=told.title or recording.title, recording=recording_now
        )

    def _recording_now(self) -> dict[str, bool | None]:
        """Whether each recording's job stores data now, by recording token."""
        found: dict[str, bool | None] = {}
        with contextlib.suppress(DeviceError, OutOfTime):
            listed = answers.jobs(
                self._asker.ask("recording", "GetRecordingJobs"), most=self._limits.channels
            )
            for recording, job in listed:
                token = element(_ns("recording"), "JobToken", text=job)
                state = answers.job_records(self._asker.ask("recording", "GetRecordingJobState", token))
                found[recording] = found.get(recording) or state
        return found

    def _by_summary(self) -> Sequence[Recording] | None:
        summary = child(self._asker.ask("search", "GetRecordingSummary"), "Summary")
        if summary is None:
            return None
        if child_text(summary, "NumberRecordings") == "0":
            return []
        begins, ends = (answers.moment(child_text(summary, name)) for name in ("DataFrom", "DataUntil"))
        return [Recording("", earliest=begins, latest=ends)]

    # --- when one of them recorded --------------------------------------------------------------------

    def _channel(self, recording: Recording, *, days: int, ends: datetime) -> RecordedChannel:
        begins = ends - timedelta(days=days)
        oldest, latest = self._by_box(recording.earliest), self._by_box(recording.latest)
        if oldest is not None and latest is not None and latest < oldest:
            oldest = latest = None
        history = self._history(recording, begins=begins, ends=ends)
        recording_now = recording.recording
        if recording_now is None and history.told:
            recording_now = max(history.told, key=lambda one: one.at).on
        if recording_now is None and latest is not None and latest > ends - _FRESH:
            recording_now = True
        channel = RecordedChannel(
            channel=quoted(recording.token, longest=100),
            title=recording.title,
            recording=recording_now,
            oldest=None if oldest is None else min(oldest, ends),
            newest=ends if recording_now else None if latest is None else min(latest, ends),
            detail=history.detail,
        )
        if history.told:
            spans = self._spans(history, ends=ends)
            return _measured(channel, spans, begins=begins, ends=ends, days=days)
        return _bounded(channel, begins=begins, ends=ends)

    def _history(self, recording: Recording, *, begins: datetime, ends: datetime) -> _History:
        """What the device tells of this recording's begins and ends.

        One that pays no heed to IncludeStartState tells nothing of a recording that began before the window
        and goes on: it is asked from its oldest on.
        """
        if not (recording.token and self._asker.has("search") and self._has_event_search):
            return _History((), begins, said.spans_not_told())
        oldest = self._by_box(recording.earliest)
        starts = [begins] if oldest is None or oldest >= begins else [begins, oldest - _BEFORE]
        try:
            for topic, since in itertools.product((answers.RECORDING_TOPIC, answers.TRACK_TOPIC), starts):
                found = self._events_of(recording, topic, begins=since, ends=ends)
                if not found.whole:
                    return _History((), since, said.too_much(found.count))
                if found.read:
                    return _History(_of_video(found.read, recording.video_tracks), since)
        except OutOfTime:
            return _History((), begins, said.too_much(0))
        except DeviceError as error:
            if error.kind not in _PASSED_OVER:
                raise
            self._has_event_search = error.kind is DeviceTrouble.BAD_ANSWER
            detail = error.detail if self._has_event_search else said.spans_not_told()
            return _History((), begins, detail)
        return _History((), begins, said.spans_not_told())

    def _events_of(
        self, recording: Recording, topic: str, *, begins: datetime, ends: datetime
    ) -> Found[StateTold]:
        namespace = _ns("search")
        included = element(_SCHEMA, "IncludedRecordings", text=recording.token)
        expression = etree.Element(f"{{{_NOTIFICATION}}}TopicExpression", nsmap={"tns1": _TOPICS})
        expression.set("Dialect", _CONCRETE_SET)
        expression.text = f"tns1:{topic}"
        request = self._asker.search(
            "FindEvents",
            element(namespace, "StartPoint", text=self._written(begins)),
            element(namespace, "EndPoint", text=self._written(ends)),
            element(namespace, "Scope", included),
            element(namespace, "SearchFilter", expression),
            element(namespace, "IncludeStartState", text="true"),
        )
        return self._asker.collected(
            request,
            ("GetEventSearchResults", "Result"),
            lambda results: answers.states(results, recording.token),
        )

    def _spans(self, history: _History, *, ends: datetime) -> tuple[TimeSpan, ...]:
        """Recorded is when any of the tracks told of was."""
        spans: list[TimeSpan] = []
        for track in {one.track for one in history.told}:
            mine = [one for one in history.told if one.track == track]
            started = next((one.on for one in mine if one.at_start), None)
            turns = [
                Turn(at, one.on)
                for one in mine
                if not one.at_start and (at := self._by_box(one.at)) is not None
            ]
            spans += spans_of(turns, begins=history.since, ends=ends, started=started)
        return merged(spans)

    # --- time ----------------------------------------------------------------------------------------

    @property
    def _offset(self) -> timedelta:
        return timedelta(seconds=self._session.account.clock_error_s or 0.0)

    def _by_box(self, told: datetime | None) -> datetime | None:
        """A time of the device by the box's clock; None for one that cannot be meant."""
        if told is None:
            return None
        try:
            moved = told - self._offset
        except OverflowError:
            return None
        return moved if moved >= _FIRST_USABLE else None

    def _written(self, moment: datetime) -> str:
        """A time of the box as the device's clock shows it."""
        return (moment + self._offset).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_recordings(nodes: Sequence[etree._Element]) -> Iterable[Recording]:
    return [one for node in nodes if (one := answers.recording_of(node)) is not None]


def _of_video(told: Sequence[StateTold], videos: frozenset[str]) -> Sequence[StateTold]:
    """Without the states of sound and metadata tracks, where it is known which those are."""
    video = [one for one in told if not one.track or one.track in videos]
    return video or told


def _measured(
    channel: RecordedChannel, told: Sequence[TimeSpan], *, begins: datetime, ends: datetime, days: int
) -> RecordedChannel:
    """With days, ratio and gaps. What was deleted since (before the oldest) is not recorded any more, and
    what stopped without an end has ended with the newest."""
    first = max(begins, channel.oldest or begins)
    last = ends if channel.recording is not False or channel.newest is None else channel.newest
    spans = clipped(told, begins=first, ends=last)
    gaps, omitted = longest(gaps_in(spans, begins=begins, ends=ends))
    return replace(
        channel,
        oldest=channel.oldest or (spans[0].begins if spans and spans[0].begins > begins else None),
        newest=channel.newest or (spans[-1].ends if spans else None),
        recorded_days=recorded_days(spans, ends=ends, days=days),
        recorded_ratio=recorded_ratio(spans, begins=begins, ends=ends),
        gaps=gaps,
        gaps_omitted=omitted,
    )


def _bounded(channel: RecordedChannel, *, begins: datetime, ends: datetime) -> RecordedChannel:
    """With the gaps that are sure all the same: before the oldest, and after a newest that stands still."""
    if channel.oldest is None and channel.newest is None:
        return channel
    between = TimeSpan(channel.oldest or begins, channel.newest or ends)
    gaps, omitted = longest(gaps_in([between], begins=begins, ends=ends))
    return replace(channel, gaps=gaps, gaps_omitted=omitted)


def _ns(service: str) -> str:
    return NAMESPACES[service]
