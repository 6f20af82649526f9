"""What notifications say of disks: states and pulses of the makes, wearing off, bounds, hostile words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree

from agent.devices.notifications import Notice, Tally, read_told
from agent.devices.storage import StorageWatch
from agent.model import Disk

NAMESPACES = (
    'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:tns1="http://www.onvif.org/ver10/topics" '
    'xmlns:tnshik="http://www.hikvision.com/2011/event/topics" '
    'xmlns:tnsaxis="http://www.axis.com/2009/event/topics" xmlns:tnsn="http://www.example.com/2012/topics"'
)
STANDARD = "tns1:Device/HardwareFailure/StorageFailure"


def notice(topic: str, source: str = "disk1", operation: str = "Changed", **data: str) -> str:
    items = "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in data.items())
    return (
        f"<wsnt:NotificationMessage><wsnt:Topic>\n {topic} </wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="2026-11-01T00:00:00Z" PropertyOperation="{operation}">'
        f'<tt:Source><tt:SimpleItem Name="Token" Value="{source}"/></tt:Source><tt:Data>{items}</tt:Data>'
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )


def answer(*notices: str) -> list[Notice]:
    pulled = etree.fromstring(f"<pulled {NAMESPACES}>{''.join(notices)}</pulled>")
    return read_told(pulled, now=datetime(2026, 11, 1, tzinfo=UTC), tally=Tally()).notices


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def storage(now: list[float]) -> StorageWatch:
    return StorageWatch(monotonic=lambda: now[0])


@pytest.mark.parametrize(
    ("told", "disk"),
    [
        (notice(STANDARD, Failed="true"), Disk.ERROR),
        (notice(STANDARD, Failed="false"), Disk.OK),
        (notice(STANDARD, operation="Initialized", Failed="1"), Disk.ERROR),
        (notice("tns1:Device/tnsaxis:HardwareFailure/StorageFailure", disruption="1"), Disk.ERROR),
        (notice("tnsaxis:Storage/Disruption", disruption="0"), Disk.OK),
        (notice("tns1:Device/HardwareFailure/tnshik:HardDiskFull"), Disk.FULL),
        (notice("tns1:Device/HardwareFailure/tnshik:HardDiskError"), Disk.ERROR),
        (notice("tns1:Device/HardwareFailure/tnshik:HardDiskUnformat"), Disk.ERROR),
        (notice("tns1:Device/HardwareFailure/tnsn:HardDiskFull"), Disk.FULL),
        (notice(STANDARD, Failed="perhaps"), Disk.UNKNOWN),
        (notice(STANDARD), Disk.ERROR),  # the message itself
        (notice("tns1:Device/HardwareFailure/FanFailure", Failed="true"), Disk.UNKNOWN),
        ("<wsnt:NotificationMessage/>", Disk.UNKNOWN),
        ("<other/>", Disk.UNKNOWN),
    ],
)
def test_the_words_of_the_makes(storage: StorageWatch, told: str, disk: Disk) -> None:
    storage.take("nvr", answer(told))
    assert storage.disk("nvr") is disk
    assert storage.disk("other") is Disk.UNKNOWN


def test_the_worst_of_several_disks_counts(storage: StorageWatch) -> None:
    storage.take("nvr", answer(notice(STANDARD, "a", Failed="false"), notice(STANDARD, "b", Failed="true")))
    assert storage.disk("nvr") is Disk.ERROR
    storage.take("nvr", answer(notice(STANDARD, "b", Failed="false")))
    assert storage.disk("nvr") is Disk.OK
    storage.take("nvr", answer(*(notice(STANDARD, name, "Deleted", Failed="false") for name in "ab")))
    assert storage.disk("nvr") is Disk.UNKNOWN


def test_a_pulse_wears_off(storage: StorageWatch, now: list[float]) -> None:
    storage.take("nvr", answer(notice(STANDARD, Failed="false")))
    storage.take("nvr", answer(notice("tns1:Device/HardwareFailure/tnshik:HardDiskFull")))
    now[0] += 25 * 3600
    assert storage.disk("nvr") is Disk.FULL
    now[0] += 2 * 3600
    assert storage.disk("nvr") is Disk.OK


def test_only_a_change_is_passed_on(storage: StorageWatch) -> None:
    changed: list[str] = []
    storage.on_change = changed.append
    for failed in ("false", "false", "true", "true", "false"):
        storage.take("nvr", answer(notice(STANDARD, Failed=failed)))
    assert changed == ["nvr"] * 3


def test_a_device_with_disks_without_end_is_bounded(storage: StorageWatch) -> None:
    for number in range(1000):
        storage.take("nvr", answer(notice(STANDARD, f"disk-{number}", Failed="false")))
    storage.take("nvr", answer(notice(STANDARD, "one-more", Failed="true")))
    assert storage.disk("nvr") is Disk.OK
    storage.take("nvr", answer(notice(STANDARD, "disk-0", Failed="true")))
    assert storage.disk("nvr") is Disk.ERROR
