"""What a search finds and cannot take in is told once for each address and kind."""

from __future__ import annotations

from agent.ports import Unusable
from agent.services.unusable import MOST_TOLD, UnusableDevices
from protocol.messages import BoxEvent
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog


def test_each_address_and_kind_is_told_once_and_not_without_end() -> None:
    log = FakeLog()
    unusable = UnusableDevices(log_=log, clock=ManualClock())
    one = Unusable("10.0.0.7", "not_activated", "Hikvision", "请先激活 / activate it " * 30)
    for _ in range(3):
        unusable.tell(one)
    unusable.tell(Unusable("10.0.0.7", "rtsp_only", "", "写入台账 / list it"))
    events = [entry.data for entry in log.entries if isinstance(entry.data, BoxEvent)]
    assert {event.what for event in events} == {"device_unusable"}
    assert events[0].detail.startswith("10.0.0.7 not_activated Hikvision 请先激活")
    assert events[1].detail == "10.0.0.7 rtsp_only 写入台账 / list it"
    assert {entry.severity for entry in log.entries} == {"WARN"}
    for number in range(MOST_TOLD + 10):
        unusable.tell(Unusable(f"10.1.{number // 250}.{number % 250}", "conference", "", ""))
    assert len(log.entries) == MOST_TOLD
