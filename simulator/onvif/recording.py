"""Answers the ONVIF Recording and Recording Search services: what is kept, and the searches for it.

Law: element order is that of recording.wsdl, search.wsdl and onvif.xsd. Times are the device's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from simulator.device.clock import zulu
from simulator.device.device import Device
from simulator.device.recorder import Archive, NoSearch, Recorder, Search
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, duration_s, moment, node

TRC = NAMESPACES["trc"]
TSE = NAMESPACES["tse"]
_YEAR_1970 = "1970-01-01T00:00:00Z"
_DIALECT = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
Change = tuple[Archive, str, float, bool, bool]
"""Channel, track ("" for the whole), true unix seconds, whether it records, whether it is the start state."""


def get_recording_capabilities(device: Device, _request: SoapRequest) -> Xml:
    """What the recording service can do: nothing is created by clients."""
    count = len(_recorder(device).archives)
    return node(
        "trc:GetServiceCapabilitiesResponse",
        node(
            "trc:Capabilities",
            DynamicRecordings=False,
            DynamicTracks=False,
            Encoding="H264 H265",
            MaxRecordings=float(count),
            MaxRecordingJobs=count,
        ),
    )


def get_recordings(device: Device, _request: SoapRequest) -> Xml:
    """All recordings with their configuration and tracks."""
    return node("trc:GetRecordingsResponse", *(_item(one) for one in _recorder(device).archives))


def _item(archive: Archive) -> Xml:
    configuration = node(
        "tt:Configuration",
        _source(archive),
        node("tt:Content", archive.name),
        node("tt:MaximumRetentionTime", f"PT{int(archive.retention_s)}S"),
    )
    track = node(
        "tt:Track",
        node("tt:TrackToken", "VIDEO001"),
        node("tt:Configuration", node("tt:TrackType", "Video"), node("tt:Description")),
    )
    return node(
        "trc:RecordingItem",
        node("tt:RecordingToken", archive.token),
        configuration,
        node("tt:Tracks", track),
    )


def get_recording_jobs(device: Device, _request: SoapRequest) -> Xml:
    """One job a channel."""
    jobs = (
        node(
            "trc:JobItem",
            node("tt:JobToken", f"Job_{one.token}"),
            node(
                "tt:JobConfiguration",
                node("tt:RecordingToken", one.token),
                node("tt:Mode", "Active"),
                node("tt:Priority", 9),
            ),
        )
        for one in _recorder(device).archives
    )
    return node("trc:GetRecordingJobsResponse", *jobs)


def get_recording_job_state(device: Device, request: SoapRequest) -> Xml:
    """Whether data is being stored."""
    archive = _archive(device, request.require("JobToken").removeprefix("Job_"))
    state = "Active" if archive.since is not None else "Idle"
    return node(
        "trc:GetRecordingJobStateResponse",
        node("trc:State", node("tt:RecordingToken", archive.token), node("tt:State", state)),
    )


def get_search_capabilities(_device: Device, _request: SoapRequest) -> Xml:
    """What the search service can do."""
    return node(
        "tse:GetServiceCapabilitiesResponse",
        node("tse:Capabilities", MetadataSearch=False, GeneralStartEvents=True),
    )


def get_recording_summary(device: Device, _request: SoapRequest) -> Xml:
    """The oldest and the newest of everything."""
    recorder = _recorder(device)
    spans = [span for one in recorder.archives for span in recorder.spans(one)]
    earliest = None if recorder.habits.earliest_1970 else min((begin for begin, _ in spans), default=None)
    return node(
        "tse:GetRecordingSummaryResponse",
        node(
            "tse:Summary",
            node("tt:DataFrom", _told(device, earliest)),
            node("tt:DataUntil", _told(device, max((end for _, end in spans), default=None))),
            node("tt:NumberRecordings", len(recorder.archives)),
        ),
    )


def get_recording_information(device: Device, request: SoapRequest) -> Xml:
    """What is kept of one recording."""
    archive = _archive(device, request.require("RecordingToken"))
    return node(
        "tse:GetRecordingInformationResponse", _information(device, archive, "tse:RecordingInformation")
    )


def find_recordings(device: Device, request: SoapRequest) -> Xml:
    """Begin a search for recordings."""
    return _begun(device, request, "FindRecordings", list(_included(device, request)))


def find_events(device: Device, request: SoapRequest) -> Xml:
    """Begin a search for when recordings began and ended."""
    begins = moment(request.require("StartPoint")).timestamp() - device.clock.offset_s
    said = request.text("EndPoint")
    ends = moment(said).timestamp() - device.clock.offset_s if said else device.clock.unix()
    wanted = request.text("SearchFilter", "TopicExpression") or ""
    with_start = request.text("IncludeStartState") == "true" and _recorder(device).habits.start_state
    changes: list[object] = []
    if _topic(device) in wanted or not wanted:
        for archive in _included(device, request):
            changes += _changes(device, archive, min(begins, ends), max(begins, ends), with_start=with_start)
    return _begun(device, request, "FindEvents", changes)


def _changes(
    device: Device, archive: Archive, begins: float, ends: float, *, with_start: bool
) -> Iterable[Change]:
    recorder = _recorder(device)
    spans = recorder.spans(archive)
    tracks = ("VIDEO001", "META001") if recorder.habits.topic == "Track" else ("",)
    found: list[Change] = []
    for track in tracks:
        if with_start:
            at_start = any(begin <= begins < end for begin, end in spans)
            found.append((archive, track, begins, at_start, True))
        for begin, end in spans:
            if begins < begin <= ends:
                found.append((archive, track, begin, True, False))
            is_over = archive.since is None or end != spans[-1][1]
            if begins < end <= ends and is_over:
                found.append((archive, track, end, False, False))
    return sorted(found, key=lambda change: change[2])


async def get_recording_search_results(device: Device, request: SoapRequest) -> Xml:
    """The next page of recordings."""
    search = _search(device, request, "FindRecordings")
    results, completed = await _next(device, request, search)
    shown = (
        _information(device, one, "tt:RecordingInformation") for one in results if isinstance(one, Archive)
    )
    return _page("tse:GetRecordingSearchResultsResponse", completed, shown)


async def get_event_search_results(device: Device, request: SoapRequest) -> Xml:
    """The next page of events."""
    search = _search(device, request, "FindEvents")
    results, completed = await _next(device, request, search)
    return _page(
        "tse:GetEventSearchResultsResponse",
        completed,
        (_event(device, one) for one in results if isinstance(one, tuple)),
    )


def end_search(device: Device, request: SoapRequest) -> Xml:
    """Give a search back."""
    if not _recorder(device).end(request.require("SearchToken")):
        raise _INVALID_TOKEN
    return node("tse:EndSearchResponse", node("tse:Endpoint", zulu(device.clock.now())))


def get_search_state(device: Device, request: SoapRequest) -> Xml:
    """Whether a search still looks."""
    recorder = _recorder(device)
    token = request.require("SearchToken")
    found = recorder.search(token, "FindEvents") or recorder.search(token, "FindRecordings")
    if found is None:
        raise _INVALID_TOKEN
    state = "Completed" if recorder.found_in_s(found) == 0 else "Searching"
    return node("tse:GetSearchStateResponse", node("tse:State", state))


_INVALID_TOKEN = SoapFault(
    "Sender", "ter:InvalidArgVal", "ter:InvalidToken", reason="The search token is invalid"
)


def _begun(device: Device, request: SoapRequest, kind: str, results: list[object]) -> Xml:
    limit = request.text("MaxMatches")
    try:
        keep_s = duration_s(request.require("KeepAliveTime"))
        found = results[: int(limit)] if limit else results
        search = _recorder(device).begin(kind, found, keep_s=keep_s)
    except ValueError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=str(error)) from error
    except NoSearch as error:
        raise SoapFault(
            "Receiver", "ter:Action", "ter:ResourceProblem", reason=f"Cannot create a search: {error}"
        ) from error
    return node(f"tse:{kind}Response", node("tse:SearchToken", search.token))


def _search(device: Device, request: SoapRequest, kind: str) -> Search:
    found = _recorder(device).search(request.require("SearchToken"), kind)
    if found is None:
        raise _INVALID_TOKEN
    return found


async def _next(device: Device, request: SoapRequest, search: Search) -> tuple[list[object], bool]:
    """Wait for results as long as the client wants to."""
    recorder = _recorder(device)
    wait_s = duration_s(request.text("WaitTime") or "PT5S")
    await asyncio.sleep(min(wait_s, recorder.found_in_s(search)))
    return recorder.page(search, int(request.text("MaxResults") or recorder.habits.page))


def _page(tag: str, completed: bool, results: Iterable[Xml]) -> Xml:
    state = node("tt:SearchState", "Completed" if completed else "Searching")
    return node(tag, node("tse:ResultList", state, *results))


def _information(device: Device, archive: Archive, tag: str) -> Xml:
    recorder = _recorder(device)
    spans = recorder.spans(archive)
    earliest = _YEAR_1970 if recorder.habits.earliest_1970 else _told(device, spans[0][0] if spans else None)
    latest = _told(device, spans[-1][1] if spans else None)
    status = "Recording" if archive.since is not None else "Stopped"
    return node(
        tag,
        node("tt:RecordingToken", archive.token),
        _source(archive),
        node("tt:EarliestRecording", earliest) if spans else None,
        node("tt:LatestRecording", latest) if spans else None,
        node("tt:Content", archive.name),
        node(
            "tt:Track",
            node("tt:TrackToken", "VIDEO001"),
            node("tt:TrackType", "Video"),
            node("tt:Description"),
            node("tt:DataFrom", earliest),
            node("tt:DataTo", latest),
        ),
        node("tt:RecordingStatus", status if recorder.habits.status else "Unknown"),
    )


def _source(archive: Archive) -> Xml:
    return node(
        "tt:Source",
        node("tt:SourceId", f"urn:channel:{archive.token}"),
        node("tt:Name", archive.name),
        node("tt:Location"),
        node("tt:Description"),
        node("tt:Address"),
    )


def _event(device: Device, change: tuple[object, ...]) -> Xml:
    archive, track, at, on, at_start = change
    assert isinstance(archive, Archive) and isinstance(at, float)
    habits = _recorder(device).habits
    item = "IsRecording" if habits.topic == "Recording" else "IsDataPresent"
    tracked = node("tt:SimpleItem", Name="Track", Value=str(track)) if track else None
    when = _told(device, at)
    message = node(
        "tt:Message",
        node("tt:Source", node("tt:SimpleItem", Name="RecordingToken", Value=archive.token), tracked),
        node("tt:Data", node("tt:SimpleItem", Name=item, Value=habits.words[0 if on else 1])),
        UtcTime=when,
        PropertyOperation="Initialized" if at_start else "Changed",
    )
    return node(
        "tt:Result",
        node("tt:RecordingToken", archive.token),
        node("tt:TrackToken", str(track)),
        node("tt:Time", when),
        node(
            "tt:Event",
            node("wsnt:Topic", _topic(device), Dialect=_DIALECT),
            node("wsnt:Message", message),
        ),
        node("tt:StartStateEvent", bool(at_start)),
    )


def _topic(device: Device) -> str:
    return f"tns1:RecordingHistory/{_recorder(device).habits.topic}/State"


def _told(device: Device, true_s: float | None) -> str:
    """A true time as the device's clock shows it; 1970 for none."""
    if true_s is None:
        return _YEAR_1970
    return zulu(datetime.fromtimestamp(true_s + device.clock.offset_s, UTC))


def _included(device: Device, request: SoapRequest) -> list[Archive]:
    scope = request.find("Scope")
    asked = {(part.text or "").strip() for part in scope} if scope is not None else set()
    return [one for one in _recorder(device).archives if not asked or one.token in asked]


def _archive(device: Device, token: str) -> Archive:
    found = _recorder(device).find(token)
    if found is None:
        raise SoapFault(
            "Sender", "ter:InvalidArgVal", "ter:NoRecording", reason=f"No such recording: {token}"
        )
    return found


def _recorder(device: Device) -> Recorder:
    assert device.recorder is not None
    return device.recorder


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TRC, "GetServiceCapabilities"): get_recording_capabilities,
    (TRC, "GetRecordings"): get_recordings,
    (TRC, "GetRecordingJobs"): get_recording_jobs,
    (TRC, "GetRecordingJobState"): get_recording_job_state,
    (TSE, "GetServiceCapabilities"): get_search_capabilities,
    (TSE, "GetRecordingSummary"): get_recording_summary,
    (TSE, "GetRecordingInformation"): get_recording_information,
    (TSE, "FindRecordings"): find_recordings,
    (TSE, "GetRecordingSearchResults"): get_recording_search_results,
    (TSE, "FindEvents"): find_events,
    (TSE, "GetEventSearchResults"): get_event_search_results,
    (TSE, "GetSearchState"): get_search_state,
    (TSE, "EndSearch"): end_search,
}
SERVICES = frozenset({TRC, TSE})
