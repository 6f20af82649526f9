"""The walking county as processes: the story once as it should be, then a short one under kill -9."""

from __future__ import annotations

import random
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.county import County
from deploy.demo.layout import Folders
from deploy.demo.story import REHEARSED
from deploy.demo.telling import Told, tell
from tests.story.audit import Findings, audit
from tests.story.kill import Result, centre_file, desk_file, ordeal, outboxes
from tests.support.county import scene_cache
from tests.support.processes import find_program

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]
SEED = 20251123


@dataclass
class Lived:
    """What a county went through; it is down, its files are there."""

    folders: Folders
    told: Told
    result: Result
    ports: list[int]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    find_program("mosquitto")
    folder = tmp_path_factory.mktemp("county") / "demo"
    with County(folder, clips=scene_cache(), rehearse=REHEARSED) as county:
        told = tell(county)
        ports = list(county.ports())
        result = ordeal(county, rng=random.Random(SEED), times=1, gap_s=(0.5, 2.0))
    yield Lived(county.folders, told, result, ports)
    shutil.rmtree(folder)


def test_every_step_has_its_consequences_exactly_once_and_nothing_else_happens(lived: Lived) -> None:
    assert list(lived.told.reckoning.lines()) == []


def test_page_and_case_system_have_it_within_five_seconds_of_the_confirmation(lived: Lived) -> None:
    for step, record in zip(lived.told.steps, lived.told.records, strict=True):
        if step.in_the_dark:
            continue
        assert record.confirmed_s is not None
        assert record.page_s is not None
        assert record.desk_s is not None
        assert max(record.page_s, record.desk_s) - record.confirmed_s < 5.0, step.en


def test_after_kills_of_controller_broker_and_box_nothing_is_lost_or_doubled(lived: Lived) -> None:
    assert lived.result.findings.violations == []
    assert {kill.victim for kill in lived.result.kills} >= {"controller", "broker"}
    assert lived.result.findings.counts["entries applied"] > 100


def test_nobody_listens_any_more(lived: Lived) -> None:
    for port in lived.ports:
        with closing(socket.socket()) as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


TAMPERINGS = {
    "an entry lost": "DELETE FROM entry WHERE sequence = 5",
    "an entry changed": "UPDATE entry SET body_hash = 'x' WHERE sequence = 3",
    "a position that runs ahead": "UPDATE position SET upto = upto + 1, highest = highest + 1",
    "an entry not applied": "UPDATE position SET upto = upto - 1",
    "an intrusion counted twice": "UPDATE incident SET count = count + 1 WHERE category = '2001'",
    "a feed entry lost": "DELETE FROM feed WHERE position = 30",
    "a feed entry repeated": "INSERT INTO feed SELECT position + 100000, 'again' || id, type, time,"
    " incident_id, device_id, box_id, category, civil_code, body FROM feed WHERE position = 30",
    "an incident opened twice": "UPDATE incident_history SET action = 'open' WHERE action = 'accept'",
    "a step without history": "DELETE FROM incident_history WHERE number = 2",
    "a state nobody led to": "UPDATE incident SET state = 'CLOSED' WHERE state = 'ACCEPTED'",
    "a device that stands elsewhere": "UPDATE device SET rung = 'unreachable' WHERE rung = 'picture_ok'",
    "a verdict without an entry": "UPDATE device SET verdict = 'down'",
    "an interval with a hole": "UPDATE interval SET from_at = datetime(from_at, '+1 second')",
    "two open intervals": "DROP INDEX uq_interval_open; UPDATE interval SET to_at = NULL",
    "a refused message": "INSERT INTO anomaly (box_id, at, first_at, refusal, what)"
    " VALUES ('b', 1, 1, 'mac', '')",
}


@pytest.mark.parametrize("harm", TAMPERINGS)
def test_the_audit_sees_what_is_tampered_with(lived: Lived, tmp_path: Path, harm: str) -> None:
    centre = tmp_path / "controller.db"
    with (
        closing(sqlite3.connect(centre_file(lived.folders))) as whole,
        closing(sqlite3.connect(centre)) as copy,
    ):
        whole.backup(copy)
        copy.executescript(f"PRAGMA foreign_keys = OFF; {TAMPERINGS[harm]}")
    assert _audit(lived, centre=centre).violations


def test_the_audit_sees_what_the_case_system_lacks(lived: Lived, tmp_path: Path) -> None:
    desk = tmp_path / "desk.db"
    with closing(sqlite3.connect(desk_file(lived.folders))) as whole, closing(sqlite3.connect(desk)) as copy:
        whole.backup(copy)
        copy.executescript("DELETE FROM received WHERE number = 2")
    assert _audit(lived, desk=desk).violations


def _audit(lived: Lived, *, centre: Path | None = None, desk: Path | None = None) -> Findings:
    return audit(
        outboxes=outboxes(lived.folders),
        centre=centre or centre_file(lived.folders),
        desk=desk or desk_file(lived.folders),
    )
