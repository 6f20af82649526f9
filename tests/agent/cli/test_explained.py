"""``probe --explain``: what was asked, what was not and why, and what to do next."""

from __future__ import annotations

import pytest

from agent.devices import sentences
from agent.devices.address import place_of
from tests.agent.cli.test_devices import Run
from tests.agent.cli.test_devices import county as county
from tests.agent.cli.test_devices import logging_left_as_it_was as logging_left_as_it_was
from tests.agent.cli.test_devices import run as run
from tests.agent.devices.builders import a_device
from tests.support.virtual_county import RunningCounty


def marks(out: str) -> list[str]:
    return [line.strip()[0] for line in out.splitlines() if line.strip()[:1] in ("√", "×", "–")]


def test_a_rung_nobody_tested_is_not_called_failed(run: Run) -> None:
    status, out, _ = run("probe", "cam", "--explain", "--no-video")
    assert status == 0
    assert marks(out) == ["√", "√", "√", "–", "–"]
    assert out.count("not tested") == 2


def test_of_a_device_that_is_away_is_shown_what_was_tried(run: Run, county: RunningCounty) -> None:
    county.switch("cam", unplugged=True)
    status, out, _ = run("probe", "cam", "--explain")
    device = county.device("cam")
    assert status == 1
    assert marks(out) == ["×", "–", "–", "–", "–"]
    assert out.count(f"TCP connect → {device.ip}:{device.http_port}") == 1
    assert out.count("GetSystemDateAndTime →") == 1


def test_the_connection_to_the_video_port_is_shown(run: Run, county: RunningCounty) -> None:
    out = run("probe", "cam", "--explain", "--video-s", "0.5")[1]
    below = out.partition("有视频 streaming")[2]
    assert "GetStreamUri" in below and "TCP connect →" in below


def test_a_dead_returned_port_proposes_port_forwarding(run: Run, county: RunningCounty) -> None:
    county.switch("cam", wrong_port_xaddr=True)
    out = run("probe", "cam", "--no-video")[1]
    assert "port_forwarded = true" in out
    assert f"端口 {county.device('cam').http_port} 有应答" in out


@pytest.mark.parametrize(
    "said",
    [
        sentences.not_supported("10.0.0.9", "PTZ"),
        sentences.not_jpeg("10.0.0.9", 7),
        sentences.rtsp_only("10.0.0.9:554"),
        sentences.no_video(12),
    ],
)
def test_a_sentence_says_what_to_do_next(said: str) -> None:
    chinese, english = said.split(" / ")
    assert "请" in chinese
    assert ": " in english


def test_an_unusual_port_is_part_of_the_name() -> None:
    assert place_of(a_device("10.0.0.9", 80)) == "10.0.0.9"
    assert place_of(a_device("10.0.0.9", 8000)) == "10.0.0.9:8000"
