"""The simulator's recorder, read by a strict SOAP client from the standard's own WSDLs, for every make."""

from __future__ import annotations

import copy
import importlib.metadata
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
import zeep.transports
from lxml import etree
from zeep.exceptions import Fault

from simulator.device.personality import PERSONALITIES
from simulator.device.recorder import Archive, NoSearch, Recorder, RecordingHabits
from tests.support.virtual_county import RunningCounty, entry, running

Transport: Any = zeep.transports.Transport  # its module has no types
ZeepClient: Any = zeep.Client
WSDLS = next(
    Path(str(file.locate())).resolve().parent
    for file in importlib.metadata.files("onvif-zeep") or ()
    if file.name == "search.wsdl"
)
NS = "http://www.onvif.org/ver10"
SEARCHING = [name for name, one in PERSONALITIES.items() if one.recording.offered and not one.recording.dead]
FINDING = [name for name in SEARCHING if "FindEvents" not in PERSONALITIES[name].recording.lacks]


@cache
def _client(wsdl: str) -> Any:
    return ZeepClient(str(WSDLS / wsdl), settings=zeep.Settings(strict=True), transport=Transport(cache=None))


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """A recorder of two channels of every make, and a camera of each without a card."""
    recorders = [
        entry(name, personality=name, kind="nvr_channel", recordings=2, auth="none") for name in PERSONALITIES
    ]
    with running(*recorders, entry("camera", auth="none")) as started:
        yield started


@pytest.fixture
def transport() -> Iterator[Any]:
    """A session closed at the end."""
    with requests.Session() as session:
        yield Transport(session=session, cache=None, timeout=5, operation_timeout=10)


def _service(county: RunningCounty, name: str, which: str, transport: Any) -> Any:
    recorder = county.device(name).recorder
    assert recorder is not None
    client = copy.copy(_client(f"{which}.wsdl"))
    client.transport = transport
    path = recorder.habits.search if which == "search" else recorder.habits.recording
    return client.create_service(f"{{{NS}/{which}/wsdl}}{which.capitalize()}Binding", county.url(name, path))


def _expression() -> Any:
    topic = etree.Element("{http://docs.oasis-open.org/wsn/b-2}TopicExpression")
    topic.text = "tns1:RecordingHistory/Recording/State|tns1:RecordingHistory/Track/State"
    return {"_value_1": [topic]}


def _found(search: Any, **more: Any) -> str:
    now = datetime.now(UTC)
    wanted = {
        "StartPoint": now - timedelta(days=30),
        "EndPoint": now,
        "Scope": {},
        "SearchFilter": _expression(),
        "IncludeStartState": True,
        "KeepAliveTime": timedelta(seconds=10),
        **more,
    }
    return str(search.FindEvents(**wanted))


@pytest.mark.parametrize("name", SEARCHING)
def test_recordings_are_listed_and_told(county: RunningCounty, name: str, transport: Any) -> None:
    lacks = PERSONALITIES[name].recording.lacks
    recording, search = (_service(county, name, which, transport) for which in ("recording", "search"))
    assert recording.GetServiceCapabilities().MaxRecordings == 2
    assert search.GetServiceCapabilities() is not None
    if "GetRecordings" not in lacks:
        items = recording.GetRecordings()
        assert [one.RecordingToken for one in items] == ["Recording_1", "Recording_2"]
        assert items[0].Configuration.MaximumRetentionTime == timedelta(days=30)
        jobs = recording.GetRecordingJobs()
        assert recording.GetRecordingJobState(JobToken=jobs[0].JobToken).State == "Active"
    if "GetRecordingSummary" not in lacks:
        assert search.GetRecordingSummary().NumberRecordings == 2
    if "GetRecordingInformation" not in lacks:
        told = search.GetRecordingInformation(RecordingToken="Recording_2")
        assert told.Source.Name == "Channel 2"
        assert datetime.now(UTC) - told.LatestRecording < timedelta(seconds=30)


@pytest.mark.parametrize("name", FINDING)
def test_events_come_in_pages_and_the_search_is_ended(
    county: RunningCounty, name: str, transport: Any
) -> None:
    recorder = county.device(name).recorder
    assert recorder is not None
    now = time.time()
    archive = recorder.archives[0]
    county.call(lambda: archive.closed.extend((now - 7200 - 60 * n, now - 7170 - 60 * n) for n in range(30)))
    county.call(lambda: setattr(archive, "since", now - 3600))
    search = _service(county, name, "search", transport)
    token = _found(search, Scope={"IncludedRecordings": ["Recording_1"]})
    ons = offs = starts = 0
    for _ in range(20):
        try:
            page = search.GetEventSearchResults(SearchToken=token, MaxResults=16)
        except Fault:
            assert recorder.habits.ends_itself
            break
        assert len(page.Result) <= 16
        for result in page.Result:
            assert result.RecordingToken == "Recording_1"
            (item,) = result.Event.Message._value_1.Data.SimpleItem
            starts += result.StartStateEvent
            if not result.StartStateEvent and result.TrackToken in (None, "VIDEO001"):
                ons += item.Value.casefold() in ("true", "1")
                offs += item.Value.casefold() in ("false", "0")
        if page.SearchState == "Completed" and not page.Result:
            break
    assert (ons, offs) == (31, 30)
    assert bool(starts) == recorder.habits.start_state
    if not recorder.habits.ends_itself:
        search.EndSearch(SearchToken=token)
    with pytest.raises(Fault, match="search token"):
        search.EndSearch(SearchToken=token)


def test_only_so_many_searches_are_open_and_each_runs_out(county: RunningCounty, transport: Any) -> None:
    search = _service(county, "plain", "search", transport)
    recorder = county.device("plain").recorder
    assert recorder is not None
    county.call(recorder.end_all)
    tokens = [
        str(search.FindRecordings(Scope={}, KeepAliveTime=timedelta(seconds=seconds))) for seconds in (1, 60)
    ]
    with pytest.raises(Fault, match="searches are open"):
        search.FindRecordings(Scope={}, KeepAliveTime=timedelta(seconds=10))
    deadline = time.monotonic() + 3
    while len(county.call(recorder.live)) == 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    page = search.GetRecordingSearchResults(SearchToken=tokens[1], MaxResults=1)
    assert [one.RecordingToken for one in page.RecordingInformation] == ["Recording_1"]
    assert search.GetSearchState(SearchToken=tokens[1]) == "Completed"
    with pytest.raises(Fault, match="search token"):
        search.GetRecordingSearchResults(SearchToken=tokens[0])
    search.EndSearch(SearchToken=tokens[1])


def test_a_restart_forgets_searches(county: RunningCounty, transport: Any) -> None:
    search = _service(county, "bosch-like", "search", transport)
    _found(search)
    county.call(county.device("bosch-like").forget_session)
    recorder = county.device("bosch-like").recorder
    assert recorder is not None
    assert county.call(recorder.live) == []


def test_a_device_without_a_recorder_has_no_such_service(county: RunningCounty, transport: Any) -> None:
    client = copy.copy(_client("search.wsdl"))
    client.transport = transport
    device = county.device("camera")
    service = client.create_service(
        f"{{{NS}/search/wsdl}}SearchBinding", county.url("camera", device.personality.paths.device)
    )
    with pytest.raises(Fault):
        service.GetRecordingSummary()


# --- the archive itself ----------------------------------------------------------------------------


def test_what_is_kept_follows_stop_resume_gap_and_retention() -> None:
    now = [1_000_000.0]
    recorder = Recorder(RecordingHabits(), 1, wall=lambda: now[0], monotonic=lambda: now[0])
    (archive,) = recorder.archives
    archive.retention_s, archive.since = 10_000.0, 995_000.0
    assert recorder.spans(archive) == ((995_000.0, 1_000_000.0),)
    recorder.set_gap(600)
    assert recorder.spans(archive) == ((995_000.0, 995_800.0), (996_400.0, 1_000_000.0))
    recorder.set_gap(0)
    recorder.set_recording(False)
    now[0] += 8_000
    assert recorder.spans(archive) == ((998_000.0, 1_000_000.0),)
    recorder.set_recording(True)
    now[0] += 100
    assert recorder.spans(archive)[-1] == (1_008_000.0, 1_008_100.0)


def test_a_question_keeps_a_search_alive() -> None:
    now = [0.0]
    recorder = Recorder(RecordingHabits(searches=1), 1, wall=lambda: now[0], monotonic=lambda: now[0])
    search = recorder.begin("FindEvents", [Archive("a", "a")], keep_s=10)
    with pytest.raises(NoSearch):
        recorder.begin("FindEvents", [], keep_s=10)
    for _ in range(5):
        now[0] += 9
        assert recorder.search(search.token, "FindEvents") is search
    assert recorder.search(search.token, "FindRecordings") is None
    now[0] += 11
    assert recorder.search(search.token, "FindEvents") is None
    recorder.begin("FindEvents", [], keep_s=10_000)
    now[0] += RecordingHabits().longest_keep_s + 1
    assert recorder.live() == []
