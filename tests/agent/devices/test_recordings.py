"""What recorders and cards kept, asked of the simulator: every make's way and lack, hostile answers."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account
from agent.devices.recording_answers import configured_recordings, jobs, moment, recording_of, states
from agent.devices.session import Session, plain_question
from agent.devices.soap import below, child, element, opened
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Disk, RecordedChannel, RecordingReport
from protocol.words import DeviceClass
from simulator.device.recorder import Archive, RecordingHabits
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.hostile import answering, http
from tests.support.processes import wait_until
from tests.support.recorded import onvif_data
from tests.support.virtual_county import RunningCounty, entry, running

DAY_S = 86_400.0
LIMITS = replace(QUICK, total_s=3.0, recordings_s=10.0, search_s=3.0, search_wait_s=0.3, search_idle_s=0.02)
WITH_SPANS = ("plain", "hik-like", "axis-like", "bosch-like")
OLDEST_AND_NEWEST = ("dahua-like", "onvif-srvd-like")
NOT_OFFERED = ("reolink-like", "tapo-like", "old-hik-like")


def row(county: RunningCounty, name: str = "nvr", **more: object) -> Device:
    device = county.device(name)
    return a_device(device.ip, device.http_port, name=name, **more)  # type: ignore[arg-type]


def recorder(name: str = "nvr", **more: object) -> dict[str, object]:
    return entry(name, kind="nvr_channel", password=PASSWORD, **more)


def keep(county: RunningCounty, *closed: tuple[float, float], recording: bool, name: str = "nvr") -> None:
    """Let all channels have recorded these spans, in days before now."""
    now = time.time()

    def put() -> None:
        kept = county.device(name).recorder
        assert kept is not None
        for archive in kept.archives:
            archive.closed = [(now - begin * DAY_S, now - end * DAY_S) for begin, end in closed]
            archive.since = now - 0.25 * DAY_S if recording else None

    county.call(put)


def habits(county: RunningCounty, name: str = "nvr", **changed: object) -> None:
    def put() -> None:
        kept = county.device(name).recorder
        assert kept is not None
        kept.habits = replace(kept.habits, **changed)  # type: ignore[arg-type]

    county.call(put)


def ask(county: RunningCounty, *, limits: Limits = LIMITS, **more: object) -> RecordingReport:
    return OnvifRoom(limits=limits).recordings(row(county, "nvr", **more))


def only(report: RecordingReport) -> RecordedChannel:
    assert report.offered, report.detail
    (channel,) = report.channels
    return channel


def asked(county: RunningCounty, operation: str, name: str = "nvr") -> int:
    return county.call(lambda: county.device(name).counters[f"op_{operation}"])


def open_searches(county: RunningCounty, name: str = "nvr") -> int:
    kept = county.device(name).recorder
    assert kept is not None
    return county.call(lambda: len(kept.live()))


def near(found: datetime | None, days_ago: float) -> bool:
    wanted = datetime.now(UTC) - timedelta(days=days_ago)
    return found is not None and abs(found - wanted) < timedelta(seconds=30)


@pytest.mark.parametrize("personality", WITH_SPANS)
def test_makes_that_tell_spans_are_measured(personality: str) -> None:
    with running(recorder(personality=personality)) as county:
        keep(county, (19.9, 12), (11.5, 3), (2.75, 0.25), recording=True)
        channel = only(ask(county))
        assert (channel.channel, channel.recording) == ("", True), channel
        assert channel.recorded_days == 20
        assert channel.recorded_ratio == pytest.approx((19.9 - 0.75) / 30, abs=1e-4)
        assert [round((gap.ends - gap.begins) / timedelta(days=1), 2) for gap in channel.gaps] == [
            10.1,
            0.5,
            0.25,
        ]
        assert near(channel.gaps[1].begins, 12) and near(channel.gaps[1].ends, 11.5)
        assert near(channel.oldest, 19.9) and near(channel.newest, 0)
        assert channel.detail == ""
        assert open_searches(county) == 0


@pytest.mark.parametrize("personality", WITH_SPANS)
@pytest.mark.parametrize("retention_days", [90, 20])
def test_what_records_without_a_break_is_whole(personality: str, retention_days: int) -> None:
    """Nothing changes within the window; bosch-like does not tell the state at its start either."""
    with running(recorder(personality=personality)) as county:
        kept = county.device("nvr").recorder
        assert kept is not None
        county.call(lambda: setattr(kept.archives[0], "retention_s", retention_days * DAY_S - 60))
        channel = only(ask(county))
        assert channel.recorded_days == min(30, retention_days)
        assert channel.recorded_ratio == pytest.approx(min(30, retention_days) / 30, abs=1e-3)
        assert len(channel.gaps) == (retention_days < 30)


@pytest.mark.parametrize("personality", OLDEST_AND_NEWEST)
def test_makes_without_spans_tell_oldest_and_newest(personality: str) -> None:
    with running(recorder(personality=personality)) as county:
        keep(county, (20, 2), recording=False)
        channel = only(ask(county))
        assert near(channel.oldest, 20) and near(channel.newest, 2)
        assert (channel.recorded_days, channel.recorded_ratio) == (None, None)
        assert [near(gap.begins, days) for gap, days in zip(channel.gaps, (30, 2), strict=True)] == [True] * 2
        assert "起止" in channel.detail
        assert open_searches(county) == 0


@pytest.mark.parametrize("personality", NOT_OFFERED)
def test_makes_without_the_service_are_told_as_such(personality: str) -> None:
    with running(recorder(personality=personality)) as county:
        report = ask(county)
        assert not report.offered
        assert (report.channels, report.disk) == ((), Disk.UNKNOWN)
        assert "没有可查询的录像服务" in report.detail and "Profile G" in report.detail


def test_a_camera_without_a_card_offers_nothing_and_one_with_a_card_does() -> None:
    bare = entry("nvr", password=PASSWORD)
    with running(bare, entry("card", password=PASSWORD, recordings=1)) as county:
        assert not ask(county).offered
        assert only(OnvifRoom(limits=LIMITS).recordings(row(county, "card"))).recording


def test_a_recorder_with_channels_is_asked_channel_by_channel() -> None:
    with running(recorder(recordings=6)) as county:
        kept = county.device("nvr").recorder
        assert kept is not None
        county.call(lambda: kept.archives[2].stop(time.time() - 7200))
        report = ask(county)
        assert [one.channel for one in report.channels] == [f"Recording_{number}" for number in range(1, 7)]
        assert [one.title for one in report.channels][:2] == ["Channel 1", "Channel 2"]
        assert [one.recording for one in report.channels] == [True, True, False, True, True, True]
        (gap,) = report.channels[2].gaps
        assert gap.ends - gap.begins == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=30))
        assert kept.most_open == 1


@pytest.mark.parametrize("offset_s", [-2 * 365 * 86_400, 2 * 365 * 86_400, -3600])
def test_times_are_the_boxs_whatever_the_devices_clock_shows(offset_s: int) -> None:
    with running(recorder()) as county:
        keep(county, (20, 12), (11.5, 0.25), recording=True)
        county.switch("nvr", clock_offset_s=offset_s)
        channel = only(ask(county))
        assert channel.recorded_ratio == pytest.approx(19.5 / 30, abs=1e-4)
        assert near(channel.oldest, 20) and near(channel.newest, 0)
        assert near(channel.gaps[-1].begins, 12)


@pytest.mark.parametrize(
    ("lacks", "days"),
    [
        ({"FindEvents"}, None),
        ({"FindRecordings"}, 30),
        ({"FindRecordings", "GetRecordings", "FindEvents"}, None),
        ({"GetRecordingSummary", "GetRecordings", "GetRecordingInformation"}, 30),
        ({"GetRecordingJobs", "FindRecordings"}, 30),
        ({"EndSearch"}, 30),
        ({"FindRecordings", "GetRecordingInformation", "FindEvents", "GetRecordingSummary"}, None),
    ],
)
def test_whatever_is_lacking_the_next_way_is_taken(lacks: set[str], days: int | None) -> None:
    with running(recorder()) as county:
        habits(county, lacks=frozenset(lacks))
        channel = only(ask(county))
        assert channel.recorded_days == days
        assert channel.recording is True
        assert channel.newest is not None


def test_a_recorder_that_lacks_everything_offers_nothing() -> None:
    everything = {"FindRecordings", "GetRecordings", "GetRecordingSummary", "GetRecordingInformation"}
    with running(recorder()) as county:
        habits(county, lacks=frozenset(everything))
        assert not ask(county).offered


def test_one_way_that_is_lacking_is_not_tried_for_every_channel() -> None:
    with running(recorder(personality="dahua-like", recordings=8)) as county:
        assert len(ask(county).channels) == 8
        assert asked(county, "FindEvents") == 1


def test_oldest_of_1970_is_nothing() -> None:
    with running(recorder()) as county:
        habits(county, earliest_1970=True, lacks=frozenset({"FindEvents"}))
        channel = only(ask(county))
        assert channel.oldest is None
        assert channel.gaps == ()


def test_a_recorder_without_a_recording_says_so() -> None:
    with running(recorder()) as county:
        keep(county, recording=False)
        channel = only(ask(county))
        assert (channel.recording, channel.oldest, channel.newest) == (False, None, None)
        assert (channel.recorded_days, channel.recorded_ratio) == (0, 0.0)
        kept = county.device("nvr").recorder
        assert kept is not None
        county.call(kept.archives.clear)
        report = ask(county)
        assert (report.offered, report.channels) == (True, ())
        assert "没有一条录像" in report.detail


@pytest.mark.parametrize(
    ("switched", "longest_gap_s"), [({"recording_gap_s": 5400}, 5400), ({"recording_stopped": True}, 0)]
)
def test_a_fault_of_the_recorder_is_seen(switched: dict[str, object], longest_gap_s: int) -> None:
    with running(recorder()) as county:
        county.switch("nvr", **switched)
        channel = only(ask(county))
        assert channel.recording is ("recording_stopped" not in switched)
        assert [round((gap.ends - gap.begins).total_seconds(), -2) for gap in channel.gaps] == (
            [longest_gap_s] if longest_gap_s else []
        )


# --- what the device's own events say of its disk --------------------------------------------------


@pytest.mark.parametrize(
    ("personality", "state", "disk"),
    [
        ("plain", "error", Disk.ERROR),
        ("plain", "ok", Disk.OK),
        ("plain", "full", Disk.OK),  # ONVIF has no word for full
        ("hik-like", "full", Disk.FULL),
        ("hik-like", "error", Disk.ERROR),
        ("axis-like", "error", Disk.ERROR),
    ],
)
def test_the_disk_is_what_the_devices_events_say(personality: str, state: str, disk: Disk) -> None:
    with running(recorder(personality=personality)) as county:
        room = OnvifRoom(limits=LIMITS)
        device = row(county)
        changes: list[str] = []
        room.storage.on_change = changes.append
        assert room.recordings(device).disk is Disk.UNKNOWN
        subscription = room.subscribe(device)
        try:
            subscription.pull()
            county.switch("nvr", disk=state)
            wait_until(
                lambda: (subscription.pull(), room.storage.disk("nvr") is disk)[1], within_s=5, what="as told"
            )
        finally:
            subscription.close()
        assert set(changes) == {"nvr"}
        report = room.recordings(device)
        assert report.disk is disk
        assert only(report).recording is (state == "ok")


# --- bounds ----------------------------------------------------------------------------------------


def test_a_search_in_use_by_others_is_told_and_oldest_and_newest_stay() -> None:
    with running(recorder()) as county:
        kept = county.device("nvr").recorder
        assert kept is not None
        county.call(lambda: [kept.begin("FindEvents", [], keep_s=60) for _ in range(2)])
        channel = only(ask(county))
        assert near(channel.oldest, 30) and channel.recorded_days is None
        assert "FindEvents" in channel.detail and "searches are open" in channel.detail


def test_a_search_that_never_completes_is_ended_and_nothing_is_counted() -> None:
    limits = replace(LIMITS, search_s=0.5)
    with running(recorder(recordings=3)) as county:
        habits(county, takes_s=3600.0)
        began = time.monotonic()
        report = ask(county, limits=limits)
        assert time.monotonic() - began < LIMITS.recordings_s
        assert len(report.channels) == 3  # by their configuration
        assert {one.recorded_days for one in report.channels} == {None}
        assert "没有查完" in report.channels[0].detail
        assert open_searches(county) == 0
        assert asked(county, "GetEventSearchResults") < 20, "a tight loop"


def test_more_spans_than_are_read_are_not_counted() -> None:
    with running(recorder()) as county:
        now = time.time()
        kept = county.device("nvr").recorder
        assert kept is not None
        spans = [(now - 20 * number - 20, now - 20 * number - 10) for number in range(100_000)]
        county.call(lambda: kept.archives[0].closed.extend(reversed(spans)))
        county.call(lambda: kept.archives[0].stop(now - 80 * DAY_S))
        began = time.monotonic()
        channel = only(ask(county, limits=replace(LIMITS, search_s=9.0, search_results=500, search_page=50)))
        assert time.monotonic() - began < 10
        assert (channel.recorded_days, channel.recorded_ratio) == (None, None)
        assert "没有查完" in channel.detail and "500" in channel.detail
        assert open_searches(county) == 0


def test_the_whole_reading_ends_in_time() -> None:
    limits = replace(LIMITS, recordings_s=3.0)
    with running(recorder(recordings=40)) as county:
        county.switch("nvr", slow_ms=100)
        began = time.monotonic()
        report = ask(county, limits=limits)
        assert time.monotonic() - began < 8
        assert len(report.channels) == 40
        assert report.channels[-1].recorded_days is None
        assert report.channels[-1].oldest is not None


def test_a_device_too_slow_to_list_anything_is_not_one_without_recordings() -> None:
    with running(recorder()) as county:
        county.switch("nvr", slow_ms=300)
        with pytest.raises(DeviceError) as caught:
            ask(county, limits=replace(LIMITS, recordings_s=1.0))
        assert caught.value.kind is DeviceTrouble.HUNG


def test_a_box_that_stops_already_asks_nothing() -> None:
    stop = threading.Event()
    stop.set()
    with running(recorder()) as county:
        with pytest.raises(DeviceError):
            OnvifRoom(limits=LIMITS).recordings(row(county), stop=stop)
        assert county.call(lambda: county.device("nvr").counters["requests"]) == 0


def test_a_stop_of_the_box_ends_the_reading_and_the_search() -> None:
    with running(recorder()) as county:
        habits(county, takes_s=3600.0)
        stop = threading.Event()
        done = threading.Event()

        def read() -> None:
            room = OnvifRoom(limits=replace(LIMITS, search_s=60, recordings_s=60))
            with pytest.raises(DeviceError):
                room.recordings(row(county), stop=stop)
            done.set()

        thread = threading.Thread(target=read)
        thread.start()
        wait_until(lambda: open_searches(county) == 1, within_s=5, what="as told")
        stop.set()
        thread.join(5)
        assert done.is_set()
        assert open_searches(county) == 0


def test_after_a_power_cut_of_the_box_the_search_ends_by_itself() -> None:
    """EndSearch never comes: the device forgets the search after the KeepAliveTime it was given."""
    limits = replace(LIMITS, search_keep_s=2.0, search_s=0.3, recordings_s=5.0)
    with running(recorder()) as county:
        habits(county, takes_s=3600.0, lacks=frozenset({"EndSearch"}), searches=8)
        report = ask(county, limits=limits)
        assert report.offered
        assert open_searches(county) > 0
        wait_until(lambda: open_searches(county) == 0, within_s=6, what="as told")


def test_the_device_dies_in_the_middle() -> None:
    with running(recorder()) as county:
        habits(county, takes_s=3600.0)
        failed: list[DeviceError] = []

        def read() -> None:
            try:
                ask(county)
            except DeviceError as error:
                failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        wait_until(lambda: open_searches(county) == 1, within_s=5, what="as told")
        county.switch("nvr", unplugged=True)
        thread.join(15)
        assert not thread.is_alive()
        assert [error.kind for error in failed] == [DeviceTrouble.UNREACHABLE]


def test_a_refused_search_never_rests_the_account() -> None:
    """An account that may look but not search is refused with NotAuthorized: the password is right."""
    with running(recorder()) as county:
        room = OnvifRoom(limits=LIMITS)
        device = row(county)
        county.switch("nvr", wrong_password=True)
        with pytest.raises(DeviceError) as caught:
            room.recordings(device)
        assert caught.value.kind is DeviceTrouble.AUTH_FAILED
        assert asked(county, "FindRecordings") == 0


# --- read only -------------------------------------------------------------------------------------


def test_an_integrated_device_is_read_and_sent_no_write() -> None:
    with running(recorder(recordings=2)) as county:
        keep(county, (2.9, 1), recording=True)
        report = ask(county, device_class=DeviceClass.INTEGRATED)
        assert [one.recorded_days for one in report.channels] == [3, 3]
        operations = county.call(
            lambda: {key for key in county.device("nvr").counters if key.startswith("op_")}
        )
        sent = {key.removeprefix("op_") for key in operations}
        assert {"FindRecordings", "FindEvents", "EndSearch"} <= sent
        assert all(one.startswith(("Get", "Find")) or one == "EndSearch" for one in sent)


@pytest.mark.parametrize(
    "operation",
    [
        "FindPTZPosition",
        "FindEventsAndDelete",
        "EndSearches",
        "Find",
        "CreateRecording",
        "DeleteRecording",
        "SetRecordingConfiguration",
        "SetRecordingJobMode",
        "DeleteRecordingJob",
        "ExportRecordedData",
        "DeleteStorageConfiguration",
    ],
)
def test_nothing_else_of_recording_is_sent_to_an_integrated_device(operation: str) -> None:
    with running(recorder()) as county:
        device = row(county, device_class=DeviceClass.INTEGRATED)
        account = Account(device.username, device.password, rest_s=600)
        with contextlib.closing(Session(device, account, shared_services(), limits=LIMITS)) as session:
            question = plain_question(
                operation, session.device_service, element(SEARCH, operation), action=""
            )
            with pytest.raises(DeviceError) as caught:
                session.ask(question)
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert county.call(lambda: county.device("nvr").counters["requests"]) == 0


# --- hostile answers -------------------------------------------------------------------------------

SEARCH = "http://www.onvif.org/ver10/search/wsdl"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tt="http://www.onvif.org/ver10/schema" '
    f'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tse="{SEARCH}" '
    'xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2">'
    "<s:Body>{}</s:Body></s:Envelope>"
)
INFORMATION = (
    "<tt:RecordingInformation><tt:RecordingToken>r{number}</tt:RecordingToken>"
    "<tt:EarliestRecording>{earliest}</tt:EarliestRecording><tt:LatestRecording>{latest}</tt:LatestRecording>"
    "<tt:RecordingStatus>{status}</tt:RecordingStatus></tt:RecordingInformation>"
)


def event(at: str, value: str, *, token: str = "r1", topic: str = "Recording") -> str:
    return (
        f"<tt:Result><tt:RecordingToken>{token}</tt:RecordingToken><tt:TrackToken>V</tt:TrackToken>"
        f"<tt:Time>{at}</tt:Time><tt:Event><wsnt:Topic>\n tns1:RecordingHistory/{topic}/State </wsnt:Topic>"
        f'<wsnt:Message><tt:Message UtcTime="{at}"><tt:Data><tt:SimpleItem Name="IsRecording" '
        f'Value="{value}"/></tt:Data></tt:Message></wsnt:Message></tt:Event></tt:Result>'
    )


@contextmanager
def scripted(recordings: str, events: Callable[[int], str]) -> Iterator[Device]:
    """A device whose answers to searches are these, the events page by page."""
    now = datetime.now(UTC)
    clock = (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
        f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
        f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
        "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )
    pages = {"events": 0, "recordings": 0}

    def answer(request: bytes) -> bytes:
        match = re.search(rb"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", request)
        operation = match.group(1).decode() if match else ""
        body = f"<tse:{operation}Response/>"
        if operation == "GetSystemDateAndTime":
            body = clock
        elif operation == "GetDeviceInformation":
            body = (
                "<tds:GetDeviceInformationResponse><tds:Manufacturer>m</tds:Manufacturer>"
                "<tds:Model>x</tds:Model></tds:GetDeviceInformationResponse>"
            )
        elif operation == "GetServices":
            body = (
                f"<tds:GetServicesResponse><tds:Service><tds:Namespace>{SEARCH}</tds:Namespace>"
                "<tds:XAddr>http://127.0.0.1/onvif/search</tds:XAddr></tds:Service></tds:GetServicesResponse>"
            )
        elif operation.startswith("Find"):
            body = f"<tse:{operation}Response><tse:SearchToken>s1</tse:SearchToken></tse:{operation}Response>"
        elif operation == "GetRecordingSearchResults":
            pages["recordings"] += 1
            told = recordings if pages["recordings"] == 1 else ""
            body = (
                f"<tse:{operation}Response><tse:ResultList><tt:SearchState>Completed</tt:SearchState>{told}"
            )
            body += f"</tse:ResultList></tse:{operation}Response>"
        elif operation == "GetEventSearchResults":
            pages["events"] += 1
            body = f"<tse:{operation}Response><tse:ResultList>{events(pages['events'])}"
            body += f"</tse:ResultList></tse:{operation}Response>"
        return http(ENVELOPE.format(body).encode())

    with answering(answer) as server:
        yield a_device(port=server.port, name="nvr")


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(number: int = 1, *, earliest: str = "", latest: str = "", status: str = "Recording") -> str:
    return INFORMATION.format(number=number, earliest=earliest, latest=latest, status=status)


def completed(*results: str) -> Callable[[int], str]:
    state = "<tt:SearchState>Completed</tt:SearchState>"
    return lambda page: state + "".join(results) if page == 1 else state


def heard(device: Device, limits: Limits = LIMITS) -> RecordingReport:
    return OnvifRoom(limits=limits).recordings(device)


def test_results_newer_than_now_are_cut_off() -> None:
    results = completed(event(ago(1.9), "true"), event(ago(-10), "false"), event(ago(-20), "true"))
    with scripted(told(earliest=ago(1.9), latest=ago(-400)), results) as device:
        channel = only(heard(device))
        assert near(channel.newest, 0)
        assert channel.recorded_ratio == pytest.approx(1.9 / 30, abs=1e-4)
        assert channel.recorded_days == 2


def test_a_search_that_goes_on_is_not_asked_in_a_tight_loop() -> None:
    pages: list[int] = []

    def page(number: int) -> str:
        pages.append(number)
        return "<tt:SearchState>Searching</tt:SearchState>"

    limits = replace(LIMITS, search_s=1.0, search_idle_s=0.2)
    with scripted(told(earliest=ago(40), latest=ago(0)), page) as device:
        only(heard(device, limits))
    assert 1 <= len(pages) <= 6


def test_what_is_older_than_the_oldest_kept_does_not_count() -> None:
    with scripted(told(earliest=ago(4.9), latest=ago(0)), completed(event(ago(20), "true"))) as device:
        channel = only(heard(device))
        assert channel.recorded_ratio == pytest.approx(4.9 / 30, abs=1e-4)
        assert near(channel.gaps[0].ends, 4.9)


def test_a_recording_without_an_end_ended_with_the_newest_when_it_is_stopped() -> None:
    """After a power cut no end is written."""
    stopped = told(earliest=ago(4.9), latest=ago(2), status="Stopped")
    with scripted(stopped, completed(event(ago(4.9), "true"))) as device:
        channel = only(heard(device))
        assert channel.recorded_ratio == pytest.approx(2.9 / 30, abs=1e-4)
        assert near(channel.gaps[-1].begins, 2) and near(channel.gaps[-1].ends, 0)


def test_sound_and_metadata_are_no_video() -> None:
    video = "<tt:Track><tt:TrackToken>V</tt:TrackToken><tt:TrackType>Video</tt:TrackType></tt:Track>"
    recording = told(earliest=ago(29), latest=ago(0)).replace(
        "<tt:RecordingStatus>", video + "<tt:RecordingStatus>"
    )
    seen = [event(ago(5.9), "true", topic="Track"), event(ago(2), "false", topic="Track")]
    heard_too = event(ago(29), "true", topic="Track").replace("<tt:TrackToken>V<", "<tt:TrackToken>META<")
    with scripted(recording, completed(*seen, heard_too)) as device:
        assert only(heard(device)).recorded_ratio == pytest.approx(3.9 / 30, abs=1e-4)


@pytest.mark.parametrize("page_size", [0, 1, 100])
def test_endless_results_come_to_an_end(page_size: int) -> None:
    def page(_number: int) -> str:
        return "<tt:SearchState>Searching</tt:SearchState>" + event(ago(1), "true") * page_size

    limits = replace(LIMITS, search_s=1.0, search_results=3000)
    with scripted(told(earliest=ago(40), latest=ago(0)), page) as device:
        began = time.monotonic()
        channel = only(heard(device, limits))
        assert time.monotonic() - began < 8
        assert channel.recorded_days is None
        assert "没有查完" in channel.detail


@pytest.mark.parametrize(
    "results",
    [
        (),
        (event("0000-00-00T00:00:00Z", "true"),),
        (event("9999-12-31T23:59:59-14:00", "true"), event("0001-01-01T00:00:00+14:00", "false")),
        (event(ago(3), "perhaps"), event("yesterday", "true")),
        (event(ago(3), "true", token="other"),),
        (event(ago(3), "true", topic="Person"),),
        ("<tt:Result/>", "<tt:Result><tt:Event/></tt:Result>", "<!-- nothing -->"),
    ],
)
def test_results_that_say_nothing_count_for_nothing(results: tuple[str, ...]) -> None:
    with scripted(told(earliest=ago(40), latest=ago(0)), completed(*results)) as device:
        channel = only(heard(device))
        assert channel.recorded_ratio in (None, 0.0, 1.0)
        assert channel.recording is True


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [("", ""), ("0000-00-00T00:00:00Z", "junk"), (ago(1), ago(9)), ("9999-12-31T23:59:59Z", ago(1))],
    ids=["none", "junk", "backwards", "end_of_time"],
)
def test_bounds_that_cannot_be_are_not_told(earliest: str, latest: str) -> None:
    with scripted(told(earliest=earliest, latest=latest, status="Stopped"), completed()) as device:
        channel = only(heard(device))
        assert channel.recording is False
        assert channel.oldest is None or channel.oldest <= datetime.now(UTC)


def test_more_recordings_than_a_recorder_has_channels_are_cut_off() -> None:
    many = "".join(told(number, earliest=ago(3), latest=ago(0)) for number in range(100))
    limits = replace(LIMITS, channels=8)
    with scripted(many, completed(event(ago(3), "true"))) as device:
        report = heard(device, limits)
        assert len(report.channels) == 8
        assert "92" in report.detail


def test_names_of_a_device_are_shown_clean() -> None:
    dirty = told(earliest=ago(3), latest=ago(0)).replace(
        "<tt:EarliestRecording>",
        "<tt:Source><tt:Name>\x85rtsp://admin:secret@10.0.0.1/\n" + "长" * 500 + "</tt:Name></tt:Source>"
        "<tt:EarliestRecording>",
    )
    with scripted(dirty, completed(event(ago(3), "true"))) as device:
        title = only(heard(device)).title
        assert "secret" not in title and "\n" not in title
        assert len(title) <= 64


def recorded(name: str) -> etree._Element:
    """The body of a recorded answer."""
    path = onvif_data() / "gBillal-ex_onvif" / f"{name}.xml"
    content = opened(path.read_bytes(), "application/soap+xml", Limits()).content
    assert content is not None
    return content


def test_recorded_search_results_are_read() -> None:
    """EarliestRecording 1970-01-01T00:03:15Z: of a device that has no oldest."""
    listed = child(recorded("get_recording_search_results"), "ResultList", "RecordingInformation")
    assert listed is not None
    read = recording_of(listed)
    assert read is not None
    assert (read.token, read.title, read.recording) == ("OnvifRecordingToken_1", "IpCamera_1", False)
    assert read.earliest == datetime(1970, 1, 1, 0, 3, 15, tzinfo=UTC)
    assert read.latest == datetime(2025, 3, 15, 16, 28, tzinfo=UTC)
    assert read.video_tracks == {"videotracktoken_1"}


def test_recorded_configurations_and_jobs_are_read() -> None:
    listed = configured_recordings(recorded("get_recordings"), most=64)
    assert [one.title for one in listed][:2] == ["paolo", "paolo2"]
    assert all(one.token.startswith("SD_DISK_") for one in listed)
    ((recording, job),) = jobs(recorded("get_recording_jobs"), most=64)
    assert recording == job == "SD_DISK_20241120_211729_9C896594"


words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    [
        "true",
        "0",
        "1970-01-01T00:00:00Z",
        "2026-11-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999Z",
        "r1",
        "Video",
    ]
)


@given(st.lists(words, min_size=9, max_size=9))
def test_whatever_stands_in_the_fields_is_read_or_left_out(said: list[str]) -> None:
    """No field of a result is trusted to hold what it should."""
    fields = [escape(word, {'"': "&quot;"}) for word in said]
    result = event(fields[0], fields[1], token=fields[2], topic=fields[3])
    information = told(earliest=fields[4], latest=fields[5], status=fields[6]).replace("r1", fields[7])
    body = f"<tse:R><tse:L>{result}{information}<tt:Track>{fields[8]}</tt:Track></tse:L></tse:R>"
    content = opened(ENVELOPE.format(body).encode(), "application/soap+xml", Limits()).content
    nodes = below(content, "L")
    assert len(list(states(nodes, "r1"))) <= 1
    read = [one for node in nodes if (one := recording_of(node)) is not None]
    assert all(0 < len(one.token) <= 100 and len(one.title) <= 64 for one in read)


def test_a_time_without_a_zone_is_utc() -> None:
    """Recorded: UtcTime="2012-05-28T07:44:50.000", without a zone."""
    assert moment("2012-05-28T07:44:50.000") == datetime(2012, 5, 28, 7, 44, 50, tzinfo=UTC)
    assert moment("2012-05-28T07:44:50+08:00") == datetime(2012, 5, 27, 23, 44, 50, tzinfo=UTC)
    assert moment("0000-00-00T00:00:00Z") is None


def test_an_archive_forgets_what_is_older_than_its_retention() -> None:
    archive = Archive("r", "r", retention_s=100.0, closed=[(0.0, 50.0), (60.0, 950.0)], since=960.0)
    assert archive.spans(1000.0) == ((900.0, 950.0), (960.0, 1000.0))
    assert RecordingHabits().searches == 2
