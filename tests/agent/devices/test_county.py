"""The simulator as its own process: the whole room against real pictures and streams."""

from __future__ import annotations

from pathlib import Path

from agent.devices import OnvifRoom
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.county import County


def test_a_county_process_is_climbed_listened_to_and_stopped(tmp_path: Path) -> None:
    devices = ({"name": "gate"}, {"name": "meeting", "kind": "conference_endpoint"})
    with County(tmp_path, *devices) as county:
        gate = county.entry("gate")
        room = OnvifRoom(limits=QUICK)
        camera = a_device(gate["ip"], gate["http_port"], password=PASSWORD, rtsp_port=gate["rtsp_port"])
        adapter, events = room.open(camera), room.subscribe(camera)
        assert adapter.climb().rung is Rung.AUTHENTICATED
        assert adapter.stream_uri() == f"rtsp://{gate['ip']}:8554/sub"
        assert len(adapter.snapshot()) > 5_000
        assert events.pull()
        assert county.device("gate")["subscriptions"] == 1
        events.close()
        assert county.device("gate")["subscriptions"] == 0
        county.fault("gate", unplugged=True)
        assert adapter.climb().reason is Reason.UNREACHABLE
        county.mend("gate")
        assert adapter.climb().rung is Rung.AUTHENTICATED
        adapter.close()
        meeting = room.open(
            a_device(county.entry("meeting")["ip"], device_class=DeviceClass.CONFERENCE_ENDPOINT)
        )
        assert meeting.climb().rung is Rung.REACHABLE
        assert set(county.devices()) == {"gate", "meeting"}
    assert not county.process.running


def test_the_stream_of_a_county_is_described_without_onvif(tmp_path: Path) -> None:
    with County(tmp_path, {"name": "gate"}) as county:
        gate = county.entry("gate")
        device = a_device(gate["ip"], rtsp_port=gate["rtsp_port"], stream_path="/sub")
        adapter = OnvifRoom(limits=QUICK).open(device)
        assert adapter.climb().rung is Rung.AUTHENTICATED
        adapter.close()
        wrong = a_device(gate["ip"], rtsp_port=gate["rtsp_port"], stream_path="/sub", password="wrong")
        adapter = OnvifRoom(limits=QUICK).open(wrong)
        assert adapter.climb().reason is Reason.AUTH_FAILED
        adapter.close()
