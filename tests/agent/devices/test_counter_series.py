"""Two counters on one lens are told apart, and what tells them apart holds nothing of a person or a plate."""

from __future__ import annotations

from datetime import UTC, datetime

from lxml import etree

from agent.devices.notifications import Tally, read_told
from agent.model import CameraEvent

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def told(source: str, *, count: int = 5, data: str = "") -> CameraEvent:
    message = f"""<PullMessagesResponse xmlns="http://www.onvif.org/ver10/events/wsdl"
        xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="http://www.onvif.org/ver10/schema"
        xmlns:tns1="http://www.onvif.org/ver10/topics"><wsnt:NotificationMessage>
        <wsnt:Topic>tns1:RuleEngine/CountAggregation/Counter</wsnt:Topic><wsnt:Message>
        <tt:Message UtcTime="2026-11-23T00:00:00Z" PropertyOperation="Changed"><tt:Source>{source}</tt:Source>
        <tt:Data><tt:SimpleItem Name="Count" Value="{count}"/>{data}</tt:Data></tt:Message></wsnt:Message>
        </wsnt:NotificationMessage></PullMessagesResponse>"""
    (notice,) = read_told(etree.fromstring(message), now=NOW, tally=Tally()).notices
    return notice.event


def item(name: str, value: str) -> str:
    return f'<tt:SimpleItem Name="{name}" Value="{value}"/>'


def test_lanes_of_one_lens_have_counters_of_their_own() -> None:
    lens = item("VideoSource", "1")
    marks = {told(lens + item("Rule", name)).series for name in ("Lane 1", "Lane 2", "车道3")}
    assert len(marks) == 3
    assert all(len(mark) == 12 for mark in marks)
    again = told(item("Rule", "Lane 1") + lens, count=9)
    assert again.series == told(lens + item("Rule", "Lane 1")).series


def test_what_passes_does_not_make_a_counter() -> None:
    lens = item("VideoSource", "1") + item("Rule", "Lane 1")
    for name in ("ObjectId", "PlateNumber", "FaceId", "Name"):
        plate = item(name, "TEST-PLATE")
        assert told(lens + plate, data=plate) == told(lens)
