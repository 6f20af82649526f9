"""Which stream the box reads: the analysis stream while it works, the sub-stream else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.devices import OnvifRoom
from agent.devices.analysis import NAME, AnalysisChoice, AnalysisNotes, Note
from agent.devices.habits import LooseLeaves
from agent.model import MediaProfile, StreamMeasure
from agent.ports import DeviceAdapter
from tests.agent.devices.builders import QUICK as BRIEF
from tests.agent.devices.builders import a_device
from tests.support.virtual_county import RunningCounty, entry, running

QUICK = replace(BRIEF, total_s=5.0)
"""Nothing here hangs: a busy machine is waited for."""
SUB = MediaProfile("sub", "subStream", "H264", 640, 360, 10)
OWN = MediaProfile("own", NAME, "H264", 640, 360, 10)
BOTH = (SUB, OWN)


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def choice(*, verified: bool = True) -> tuple[AnalysisChoice, AnalysisNotes, Time]:
    notes, time = AnalysisNotes(LooseLeaves()), Time()
    notes.write("cam", Note("own", NAME, made=True, verified=verified))
    return AnalysisChoice(notes, "cam", monotonic=time), notes, time


def test_a_verified_profile_is_preferred_while_it_is_there() -> None:
    chosen, notes, _ = choice()
    assert chosen.preferred(BOTH) == OWN
    assert chosen.preferred((SUB,)) is None
    notes.strike("cam")
    assert chosen.preferred(BOTH) is None


def test_one_that_was_never_seen_to_work_is_not_read_and_not_taken_for_a_sub_stream() -> None:
    chosen, _, _ = choice(verified=False)
    assert chosen.preferred(BOTH) is None
    assert chosen.usual((OWN, SUB)) == SUB
    assert chosen.usual((OWN,)) == OWN


def test_asked_for_three_times_in_five_minutes_it_rests_for_an_hour() -> None:
    chosen, _, time = choice()
    for _ in range(3):
        assert chosen.preferred(BOTH) == OWN
        chosen.given()
        time.now += 100
    assert chosen.preferred(BOTH) is None
    time.now += 3600
    assert chosen.preferred(BOTH) == OWN
    for _ in range(6):
        chosen.given()
        time.now += 200
        assert chosen.preferred(BOTH) == OWN


def test_profiles_without_the_noted_one_are_read_anew_once() -> None:
    chosen, _, _ = choice()
    assert not chosen.is_news(BOTH)
    assert chosen.is_news((SUB,))
    assert not chosen.is_news((SUB,))


@contextmanager
def applied() -> Iterator[tuple[RunningCounty, DeviceAdapter, OnvifRoom]]:
    """A camera whose adapter read its profiles before the analysis stream was made."""
    with running(entry("cam")) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password="pass-word-1")
        room = OnvifRoom(limits=QUICK)
        with contextlib.closing(room.open(row)) as adapter:
            assert adapter.stream_uri().endswith("/sub")
            with contextlib.closing(room.analysis(row)) as stream:
                seen = StreamMeasure("H264", 640, 360, 10.0, 1.0, 4.0)
                assert stream.apply(lambda _token: seen).verified
            yield county, adapter, room


def test_the_adapter_gives_the_analysis_stream_from_the_next_connection_on() -> None:
    with applied() as (county, adapter, _room):
        (own,) = [one for one in county.device().media if one.name == NAME]
        assert adapter.stream_uri().endswith(f"/{own.token}")


def test_it_gives_the_sub_stream_when_the_profile_is_gone() -> None:
    with applied() as (county, adapter, _room):
        own = next(one for one in county.device().media if one.name == NAME)
        assert adapter.stream_uri().endswith(own.token)
        county.call(lambda: county.device().profile_dropped(own))
        assert adapter.stream_uri().endswith("/sub")
        assert adapter.stream_uri().endswith("/sub")


def test_it_gives_the_sub_stream_when_the_profile_lost_its_encoder() -> None:
    with applied() as (county, adapter, _room):
        own = next(one for one in county.device().media if one.name == NAME)
        own.encoder = ""
        assert adapter.stream_uri().endswith("/sub")


@pytest.mark.parametrize("undone", [True, False])
def test_after_the_undoing_the_sub_stream_is_read(undone: bool) -> None:
    with applied() as (county, adapter, room):
        device = county.device()
        adapter.stream_uri()
        row = a_device(device.ip, device.http_port, password="pass-word-1")
        if undone:
            with contextlib.closing(room.analysis(row)) as stream:
                stream.undo()
        assert adapter.stream_uri().endswith("/sub") is undone
