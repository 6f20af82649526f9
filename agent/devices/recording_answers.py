"""What a device's answers about recordings say: recordings, and when each began and stopped to record.

Law: what is absent or odd reads as not told; a recording without a token is none. Times are the device's.
Sources: onvif.xsd (tt:RecordingInformation, tt:FindEventResult), recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from agent.devices.redact import quoted
from agent.devices.soap import below, child, child_text, local_name
from agent.devices.topics import normalised

RECORDING_TOPIC = "RecordingHistory/Recording/State"
TRACK_TOPIC = "RecordingHistory/Track/State"
_STATES = ("isrecording", "isdatapresent", "state")
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_STATUS = {"recording": True, "stopped": False}
_JOB = {"active": True, "partiallyactive": True, "idle": False, "error": False}
_LONGEST_TOKEN = 100
_MOST_TRACKS = 16


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as the device lists it. ``recording`` None: it does not say."""

    token: str
    title: str = ""
    recording: bool | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    video_tracks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StateTold:
    """One result of an event search. ``at_start``: the state at the start of the search, not a change."""

    track: str
    at: datetime
    on: bool
    at_start: bool


def moment(said: str) -> datetime | None:
    """An xs:dateTime, UTC where it names no zone; None for what is none (``0000-00-00T00:00:00Z``)."""
    try:
        told = datetime.fromisoformat(said.strip())
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def recording_of(node: etree._Element) -> Recording | None:
    """A tt:RecordingInformation; None without a usable token."""
    token = child_text(node, "RecordingToken")
    if not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    tracks = [part for part in node if local_name(part) == "Track"][:_MOST_TRACKS]
    videos = [one for one in tracks if child_text(one, "TrackType").casefold() == "video"]
    froms = [moment(child_text(one, "DataFrom")) for one in videos]
    untils = [moment(child_text(one, "DataTo")) for one in videos]
    return Recording(
        token=token,
        title=quoted(child_text(node, "Source", "Name") or child_text(node, "Content"), longest=64),
        recording=_STATUS.get(child_text(node, "RecordingStatus").casefold()),
        earliest=moment(child_text(node, "EarliestRecording")) or min(filter(None, froms), default=None),
        latest=moment(child_text(node, "LatestRecording")) or max(filter(None, untils), default=None),
        video_tracks=frozenset(child_text(one, "TrackToken") for one in videos),
    )


def configured_recordings(content: etree._Element, *, most: int) -> list[Recording]:
    """The tokens and names of a GetRecordings answer; it says nothing about when was recorded."""
    found = []
    for item in _each(content, "RecordingItem", most):
        token = child_text(item, "RecordingToken")
        if 0 < len(token) <= _LONGEST_TOKEN:
            name = child_text(item, "Configuration", "Source", "Name")
            found.append(Recording(token, title=quoted(name, longest=64)))
    return found


def jobs(content: etree._Element, *, most: int) -> list[tuple[str, str]]:
    """(recording token, job token) of a GetRecordingJobs answer."""
    items = _each(content, "JobItem", most)
    return [
        (child_text(item, "JobConfiguration", "RecordingToken"), token)
        for item in items
        if 0 < len(token := child_text(item, "JobToken")) <= _LONGEST_TOKEN
    ]


def job_records(content: etree._Element) -> bool | None:
    """Whether a GetRecordingJobState answer says that data is being stored."""
    return _JOB.get(child_text(content, "State", "State").casefold())


def states(results: Iterable[etree._Element], token: str) -> Iterator[StateTold]:
    """The states of one recording among tt:FindEventResult elements; those of other recordings, topics and
    shapes are left out: some devices pay no heed to the scope or the filter."""
    for result in results:
        message = child(result, "Event", "Message", "Message")
        at = moment(child_text(result, "Time")) or moment(
            "" if message is None else message.get("UtcTime") or ""
        )
        on = _state(message)
        if at is None or on is None or child_text(result, "RecordingToken") not in ("", token):
            continue
        topic = child(result, "Event", "Topic")
        said = "" if topic is None else normalised(topic.text or "", topic.nsmap)
        if said not in (RECORDING_TOPIC, TRACK_TOPIC):
            continue
        track = child_text(result, "TrackToken") if said == TRACK_TOPIC else ""
        at_start = child_text(result, "StartStateEvent").casefold() in _TRUE
        yield StateTold(track, at, on, at_start)


def _state(message: etree._Element | None) -> bool | None:
    for node in below(message, "Data"):
        if local_name(node) == "SimpleItem" and (node.get("Name") or "").casefold() in _STATES:
            word = (node.get("Value") or "").strip().casefold()
            return True if word in _TRUE else False if word in _FALSE else None
    return None


def _each(content: etree._Element, name: str, most: int) -> list[etree._Element]:
    return [node for node in content if local_name(node) == name][:most]
