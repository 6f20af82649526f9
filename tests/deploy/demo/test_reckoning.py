"""The reckoning: nothing is left over on either side, or it says what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploy.demo.places import VILLAGES
from deploy.demo.reckoning import Reckoning, beginning, compare
from deploy.demo.story import Expected, Record, Step, story
from deploy.demo.witness import FeedEntry

STEPS = story()


def entry_of(expected: Expected, number: int) -> FeedEntry:
    """An entry that this expectation explains."""
    data: dict[str, Any] = {"place": {"box": expected.box}, "device": None, **expected.fits}
    if expected.device is not None:
        data["device"] = {"id": expected.device}
    if expected.category is not None:
        data |= {"category": expected.category, "incident": f"{expected.category}-{expected.device}"}
    return FeedEntry(f"e-{number}", expected.type, 100.0, 100.1, data)


def entries(expectations: list[Expected], first: int) -> list[FeedEntry]:
    return [entry_of(e, first + i) for i, e in enumerate(e for e in expectations if e.least)]


def record_of(step: Step, number: int) -> Record:
    record = Record(number, step.zh, step.en, step.where, step.category, done=True)
    record.happened_s, record.confirmed_s, record.page_s, record.desk_s = 90.0, 100.0, 100.3, 100.2
    return record


class Played:
    """A story in which everything went as expected; tests change one thing."""

    def __init__(self) -> None:
        self.before = entries(list(beginning()), 0)
        self.after = entries([e for step in STEPS for e in step.expects], 1000)
        self.records = [record_of(step, i) for i, step in enumerate(STEPS, 1)]
        told = [e for e in self.after if e.type.startswith("outpost.incident.")]
        self.desk = [{"id": e.id, "repeats": 0, "conflicts": 0, "event": {"data": e.data}} for e in told]
        self.incidents = [{"id": e.data["incident"]} for e in self.after if e.type.endswith("opened.v1")]

    def reckon(self) -> Reckoning:
        return compare(
            STEPS,
            self.records,
            before=self.before,
            after=self.after,
            desk=self.desk,
            incidents=self.incidents,
        )


def test_a_story_as_expected_holds() -> None:
    assert list(Played().reckon().lines()) == []


def test_the_story_has_the_five_matters() -> None:
    assert {step.category for step in STEPS} >= {"2001", "1005", "1003", "1001", "1007"}
    assert len(beginning()) == sum(len(village.devices) for village in VILLAGES) + len(VILLAGES)


@pytest.mark.parametrize("which", range(0, 40, 3))
def test_any_entry_that_is_missing_is_missed(which: int) -> None:
    played = Played()
    del played.after[which % len(played.after)]
    assert played.reckon().missing


@pytest.mark.parametrize("which", range(0, 40, 3))
def test_any_entry_that_comes_twice_is_doubled(which: int) -> None:
    played = Played()
    again = played.after[which % len(played.after)]
    played.after.append(replace(again, id="again"))
    reckoning = played.reckon()
    assert reckoning.doubled


def test_an_incident_that_no_step_explains_is_unexpected() -> None:
    played = Played()
    child = entry_of(Expected("", "outpost.incident.opened.v1", VILLAGES[2].box, "tongyu-yard", "1003"), 9999)
    played.after.append(child)
    assert any("tongyu-yard" in line for line in played.reckon().unexpected)


def test_what_the_case_system_lacks_has_twice_or_invents_is_told() -> None:
    lacks, twice, invents, other, disorder = (Played() for _ in range(5))
    del lacks.desk[0]
    twice.desk[0]["repeats"] = 1
    invents.desk.append({"id": "x", "repeats": 0, "conflicts": 0, "event": {"data": {}}})
    other.desk[0]["conflicts"] = 1
    disorder.desk.reverse()
    assert lacks.reckon().missing
    assert twice.reckon().doubled
    assert invents.reckon().unexpected
    assert other.reckon().unexpected
    assert any("out of order" in line for line in disorder.reckon().unexpected)


def test_an_incident_outside_the_feed_and_one_outside_the_list_are_told() -> None:
    played = Played()
    played.incidents[0] = {"id": "stray"}
    reckoning = played.reckon()
    assert any("stray" in line for line in reckoning.unexpected)
    assert reckoning.missing


@pytest.mark.parametrize("stage", ["page_s", "desk_s"])
def test_later_than_five_seconds_is_late_but_not_for_what_was_told_after_a_cut(stage: str) -> None:
    for number, step in enumerate(STEPS):
        played = Played()
        setattr(played.records[number], stage, 105.1)
        assert bool(played.reckon().late) is not step.in_the_dark


def test_a_step_that_failed_or_never_ended_is_missing() -> None:
    failed, endless = Played(), Played()
    failed.records[0].problems.append("没有 / missing")
    endless.records[1].done = False
    assert failed.reckon().missing
    assert endless.reckon().missing
