"""Rows that discovery made: how many may never let the box in, when one goes, and what is left of it."""

from __future__ import annotations

import json

import pytest

from agent import marks
from agent.devices.habits import LooseLeaves
from agent.devices.limits import Limits
from agent.devices.login_memory import REST_TOPIC, STREAM_REST_TOPIC
from agent.errors import StoreFull
from agent.model import Device, Evidence
from agent.ports import Found
from agent.services.found_rows import ABSENT_S, MOST_UNPROVED, NOTE_S, ROW_TOPIC, FoundRows
from agent.services.register import MARKS_TOPIC, PARTING_TOPIC, REST_S, RESTS, DeviceRegister, Parting, Place
from protocol.messages import BoxEvent
from protocol.words import Reason, Rung
from runtime.clock import ManualClock
from tests.agent.services.fakes import GONE, GOOD, FakeLog, device

REFERENCE = "11111111-aaaa-bbbb-cccc-000000000001"
REFUSED = Evidence(Rung.ONVIF, Reason.AUTH_FAILED)
STRANGER = Evidence(Rung.UNREACHABLE, Reason.OTHER_DEVICE)


class Ledger:
    """One box's found rows, and who was let go."""

    def __init__(self, notes: LooseLeaves | None = None, *, listed: frozenset[str] = frozenset()) -> None:
        self.notes = notes or LooseLeaves()
        self.clock, self.log = ManualClock(), FakeLog()
        self.register = DeviceRegister(self.notes, unix=lambda: self.clock.now().timestamp())
        self.gone: list[str] = []
        self.is_full = False
        self.rows = FoundRows(
            self.register,
            self.notes,
            let_go=self.let_go,
            log_=self.log,
            clock=self.clock,
            listed=listed,
        )

    def let_go(self, name: str) -> Device:
        if self.is_full:
            raise StoreFull("full")
        self.gone.append(name)
        self.register.parted(name)
        return device(name)

    def found(self, name: str = "cam-1") -> None:
        self.register.seed(name, marks.made(reference=REFERENCE))
        self.register.remember_found(name, "{}")
        self.rows.add(name, new=True)

    def pass_s(self, seconds: float) -> None:
        for _ in range(24):
            self.clock.advance(seconds / 24)
            self.rows.step()

    def told(self) -> list[str]:
        return [one.detail for one in self.log.all(BoxEvent) if isinstance(one, BoxEvent)]


def test_devices_that_never_let_the_box_in_get_so_many_rows_and_proved_ones_take_no_room() -> None:
    ledger = Ledger()
    for number in range(MOST_UNPROVED):
        ledger.rows.add(f"cam-{number}", new=True)
    assert ledger.rows.room == 0
    ledger.rows.heard("cam-3", REFUSED)
    assert ledger.rows.room == 0
    ledger.rows.heard("cam-3", GOOD)
    assert ledger.rows.room == 1
    ledger.rows.heard("cam-3", GONE)
    assert ledger.rows.room == 1, "proved once is proved"


def test_a_row_nobody_sees_for_a_day_goes_and_is_told_once() -> None:
    ledger = Ledger()
    ledger.found()
    ledger.pass_s(ABSENT_S - 60)
    assert ledger.gone == []
    ledger.pass_s(120)
    ledger.pass_s(ABSENT_S)
    assert ledger.gone == ["cam-1"]
    (told,) = ledger.told()
    assert told.startswith("cam-1 127.0.0.1:80 自动发现后从未登录成功，已 24 小时不见")
    assert "not seen for 24 h" in told
    assert (ledger.register.found(), ledger.rows.room) == ({}, MOST_UNPROVED)


@pytest.mark.parametrize("sign", ["announced", "refuses the password"])
def test_a_row_that_is_seen_stays(sign: str) -> None:
    ledger = Ledger()
    ledger.found()
    for _ in range(3):
        ledger.pass_s(ABSENT_S - 60)
        if sign == "announced":
            ledger.rows.announced([Found(f"urn:uuid:{REFERENCE}", "", "10.0.0.77", 80)])
        else:
            ledger.rows.heard("cam-1", REFUSED)
    assert ledger.gone == []


def test_a_stranger_at_its_address_and_anothers_announcement_are_no_sight_of_it() -> None:
    ledger = Ledger()
    ledger.found()
    ledger.pass_s(ABSENT_S - 60)
    ledger.rows.heard("cam-1", STRANGER)
    ledger.rows.announced([Found("urn:uuid:99999999-aaaa-bbbb-cccc-000000000001", "", "127.0.0.1", 80)])
    ledger.pass_s(120)
    assert ledger.gone == ["cam-1"]


def test_a_row_that_let_the_box_in_once_stays_for_ever_over_restarts_too() -> None:
    notes = LooseLeaves()
    ledger = Ledger(notes)
    ledger.found()
    ledger.rows.heard("cam-1", GOOD)
    later = Ledger(notes)
    later.rows.add("cam-1")
    later.pass_s(10 * ABSENT_S)
    assert (ledger.gone, later.gone, later.rows.room) == ([], [], MOST_UNPROVED)


def test_absence_goes_on_after_a_restart_and_neither_a_clock_jump_nor_a_pause_counts() -> None:
    notes = LooseLeaves()
    ledger = Ledger(notes)
    ledger.found()
    ledger.clock.jump(365 * ABSENT_S)
    ledger.pass_s(ABSENT_S / 2)
    ledger.clock.jump(-800 * ABSENT_S)
    ledger.pass_s(NOTE_S)
    assert ledger.gone == []
    later = Ledger(notes)
    later.rows.add("cam-1")
    later.clock.jump(900 * ABSENT_S)
    later.pass_s(ABSENT_S / 2 - 3 * NOTE_S)
    assert later.gone == []
    later.pass_s(3 * NOTE_S)
    assert later.gone == ["cam-1"]


def test_absence_is_written_down_once_an_hour() -> None:
    ledger = Ledger()
    ledger.found()
    written: list[str | None] = []
    for _ in range(2 * int(NOTE_S) // 60):
        ledger.clock.advance(60)
        ledger.rows.step()
        written.append(ledger.notes.noted("cam-1", ROW_TOPIC))
    assert len(set(written)) == 3, "at the beginning, and after each of two hours"


@pytest.mark.parametrize("document", ["", "[]", "nothing", '{"absent_s": "NaN"}', '{"let_in": true}', "null"])
def test_a_damaged_note_begins_anew(document: str) -> None:
    notes = LooseLeaves()
    notes.note("cam-1", ROW_TOPIC, document)
    ledger = Ledger(notes)
    ledger.rows.add("cam-1")
    ledger.pass_s(ABSENT_S - 60)
    assert (ledger.gone, ledger.rows.room) == ([], MOST_UNPROVED - 1)


def test_a_row_of_an_older_version_counts_as_proved_where_its_device_was_met() -> None:
    ledger = Ledger()
    ledger.register.seen("cam-old", Place("10.0.0.1", 80, 1.0))
    ledger.rows.add("cam-old")
    ledger.rows.add("cam-never")
    assert ledger.rows.room == MOST_UNPROVED - 1
    ledger.register.seen("cam-new", Place("10.0.0.2", 80, 1.0))
    ledger.rows.add("cam-new", new=True)
    assert ledger.rows.room == MOST_UNPROVED - 2


def test_what_an_operator_forgot_goes_also_when_it_let_the_box_in_and_its_memory_with_it() -> None:
    ledger = Ledger()
    ledger.found()
    ledger.rows.heard("cam-1", GOOD)
    for topic in ("login_rest", "stream_rest", "tls_pin", "credentials"):
        ledger.notes.note("cam-1", topic, "x")
    ledger.notes.note("cam-2", "tls_pin", "x")
    ledger.register.part("cam-1", Parting.BY_HAND)
    assert ledger.register.found() == {}
    ledger.rows.step()
    assert ledger.gone == ["cam-1"]
    assert ledger.told() == [
        "cam-1 127.0.0.1:80 已按命令移出台账 / cam-1 127.0.0.1:80 was taken out of the ledger by hand"
    ]
    assert ledger.register.marks_of("cam-1").is_empty
    kept = {
        topic
        for topic in (MARKS_TOPIC, ROW_TOPIC, "tls_pin", "credentials")
        if ledger.notes.noted("cam-1", topic)
    }
    assert kept == set()
    assert ledger.notes.noted("cam-1", "login_rest"), (
        "found again, it is not tried anew before the rest is over"
    )
    ledger.pass_s(REST_S + 60)
    assert not [
        topic for topic in ("login_rest", "stream_rest", PARTING_TOPIC) if ledger.notes.noted("cam-1", topic)
    ]
    assert ledger.notes.noted("cam-2", "tls_pin") == "x"
    assert ledger.gone == ["cam-1"]


def test_one_that_was_found_again_meanwhile_keeps_what_is_learned_then() -> None:
    ledger = Ledger()
    ledger.found()
    ledger.register.part("cam-1", Parting.BY_HAND)
    ledger.rows.step()
    ledger.found()
    ledger.notes.note("cam-1", "tls_pin", "new")
    ledger.pass_s(REST_S + 60)
    assert ledger.notes.noted("cam-1", "tls_pin") == "new"
    assert ledger.notes.noted("cam-1", PARTING_TOPIC) is None
    assert (ledger.gone, ledger.rows.room) == (["cam-1"], MOST_UNPROVED - 1)


def test_a_row_of_the_configuration_is_never_let_go() -> None:
    ledger = Ledger(listed=frozenset({"gate"}))
    ledger.register.part("gate", Parting.BY_HAND)
    ledger.rows.step()
    assert (ledger.gone, ledger.told(), ledger.notes.noted("gate", PARTING_TOPIC)) == ([], [], None)


def test_a_full_disk_puts_it_off_and_what_is_told_is_told_once() -> None:
    ledger = Ledger()
    ledger.found()
    ledger.register.part("cam-1", Parting.BY_HAND)
    ledger.is_full = True
    with pytest.raises(StoreFull):
        ledger.rows.step()
    ledger.is_full, ledger.log.full = False, True
    with pytest.raises(StoreFull):
        ledger.rows.step()
    ledger.log.full = False
    ledger.rows.step()
    ledger.rows.step()
    assert (ledger.gone, len(ledger.told())) == (["cam-1"], 1)


@pytest.mark.parametrize("document", ["", "soon", "-1", json.dumps({"a": 1}), "99999999999999"])
def test_a_damaged_note_of_a_parting_is_no_order_and_is_cleared(document: str) -> None:
    ledger = Ledger()
    ledger.found()
    ledger.notes.note("cam-1", PARTING_TOPIC, document)
    ledger.rows.step()
    assert (ledger.gone, ledger.notes.noted("cam-1", PARTING_TOPIC)) == ([], None)
    assert not ledger.register.marks_of("cam-1").is_empty


def test_the_rest_that_outlives_a_row_is_the_one_the_log_in_keeps_and_lasts_longer() -> None:
    assert set(RESTS) == {REST_TOPIC, STREAM_REST_TOPIC}
    assert Limits().refused_pause_s < REST_S
