"""What is known of the devices outlives a restart, is theirs alone, and is shared by two processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.marks import Marks, Match, made
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import ACCEPT_S, MARKS_TOPIC, PLACE_TOPIC, SEEN_EVERY_S, DeviceRegister, Place
from protocol.words import DeviceClass

OLD = made(reference="urn:uuid:11111111-aaaa-bbbb-cccc-000000000001", vendor="m", serial="SN-0001")
NEW = made(reference="urn:uuid:22222222-aaaa-bbbb-cccc-000000000002", vendor="m", serial="SN-0002")
MAC = made(macs=["44-19-B6-00-00-01"])


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqliteNotebook]:
    notebook = SqliteNotebook(tmp_path / "notebook.db")
    yield notebook
    notebook.close()


def test_nothing_is_said_of_a_device_nobody_met(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    assert not register.knows("gate")
    assert register.judge("gate", OLD).match is Match.UNSURE


def test_marks_outlive_a_restart(book: SqliteNotebook) -> None:
    DeviceRegister(book).learn("gate", OLD, near=MAC)
    again = DeviceRegister(book)
    assert again.judge("gate", OLD).match is Match.SAME
    assert again.judge("gate", NEW).match is Match.OTHER
    assert again.marks_of("gate").macs == MAC.macs


def test_another_device_is_never_learnt_in_its_place(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.learn("gate", OLD, near=Marks())
    register.learn("gate", NEW, near=Marks())
    assert register.marks_of("gate") == OLD


def test_a_mac_at_the_address_is_not_learnt_once_one_is_known(book: SqliteNotebook) -> None:
    """In an address conflict the neighbour table may hold the rival's."""
    register = DeviceRegister(book)
    register.learn("gate", OLD, near=MAC)
    register.learn("gate", OLD, near=made(macs=["44-19-B6-00-00-99"]))
    assert register.marks_of("gate").macs == MAC.macs


def test_a_discovered_reference_is_the_first_mark_and_no_more(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.seed("gate", made(references=OLD.references))
    register.seed("gate", NEW)
    assert register.marks_of("gate") == made(references=OLD.references)


def test_a_replaced_device_is_taken_when_the_operator_says_so(book: SqliteNotebook) -> None:
    service, by_hand = DeviceRegister(book), DeviceRegister(book)
    service.learn("gate", OLD, near=Marks())
    by_hand.accept("gate")
    assert service.judge("gate", NEW).match is Match.UNSURE
    service.learn("gate", NEW, near=Marks())
    assert service.judge("gate", OLD).match is Match.OTHER, "the word counted once"


def test_the_word_of_an_operator_does_not_hold_for_ever(book: SqliteNotebook) -> None:
    DeviceRegister(book, unix=lambda: 1_000.0).accept("gate")
    later = DeviceRegister(book, unix=lambda: 1_002.0 + ACCEPT_S)
    later.learn("gate", OLD, near=Marks())
    assert later.judge("gate", NEW).match is Match.OTHER


def test_what_another_process_learnt_counts_before_a_device_is_called_another(book: SqliteNotebook) -> None:
    service = DeviceRegister(book)
    service.learn("gate", OLD, near=Marks())
    by_hand = DeviceRegister(book)
    by_hand.accept("gate")
    assert by_hand.judge("gate", NEW).match is Match.UNSURE
    by_hand.learn("gate", NEW, near=Marks())
    assert service.judge("gate", NEW).match is Match.SAME


def test_a_row_of_which_nothing_is_known_gets_no_device_of_another_row(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.learn("gate", OLD, near=MAC)
    shown = made(references=OLD.references)
    assert register.judge("new", shown).match is Match.OTHER
    assert "gate" in register.judge("new", shown).why
    assert register.judge("new", MAC).match is Match.OTHER
    assert register.judge("new", NEW).match is Match.UNSURE
    assert register.judge("new", Marks()).match is Match.UNSURE


def test_clones_and_what_stands_behind_one_router_are_no_device_of_another_row(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.learn("gate", OLD, near=MAC)
    clone = made(references=OLD.references, macs=["44-19-B6-00-00-99"])
    assert register.judge("new", clone).match is Match.UNSURE, "another MAC: it may be a clone"
    behind = made(references=NEW.references, macs=MAC.macs)
    assert register.judge("new", behind).match is Match.UNSURE, "the MAC may be a router's"
    register.learn("yard", made(references=OLD.references, vendor="m", serial="SN-0003"), near=Marks())
    assert register.judge("new", made(references=OLD.references)).match is Match.UNSURE, "a whole batch's"


def test_a_row_that_discovery_made_keeps_no_entered_row_from_its_device(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.seed("cam-0123", made(references=OLD.references))
    found = Device("cam-0123", DeviceClass.SMART_CAMERA, "10.0.0.1", classified=False)
    register.keep_to([found, Device("gate", DeviceClass.SMART_CAMERA, "10.0.0.1")])
    assert register.judge("gate", OLD).match is Match.UNSURE


def test_the_device_of_another_row_is_taken_where_the_operator_accepts_it(book: SqliteNotebook) -> None:
    """Two cameras changed places, and the one that came here has a new row."""
    register = DeviceRegister(book)
    register.learn("gate", OLD, near=Marks())
    register.accept("new")
    assert register.judge("new", OLD).match is Match.UNSURE
    assert register.judge("new", OLD, logged_in=True).match is Match.UNSURE, "until it is learnt"
    register.learn("new", OLD, near=Marks())
    assert register.judge("new", NEW).match is Match.OTHER


def test_what_may_be_an_integrated_device_is_told_by_all_its_marks(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    register.learn("police", OLD, near=MAC)
    register.keep_to([Device("police", DeviceClass.INTEGRATED, "10.0.0.1")])
    shown = made(references=OLD.references)
    assert register.may_be_integrated("new", shown)
    assert register.may_be_integrated("new", made(references=OLD.references, macs=["44-19-B6-00-00-99"]))
    assert not register.may_be_integrated("new", NEW) and not register.may_be_integrated("new", Marks())
    assert not register.may_be_integrated("police", shown), "its own row has a class that says so"
    clone = made(references=OLD.references, vendor="m", serial="SN-0003", macs=["44-19-B6-00-00-99"])
    register.learn("yard", clone, near=Marks())
    assert not register.may_be_integrated("yard", shown), "a clone with a serial and a MAC of its own"
    register.learn("double", OLD, near=MAC)
    assert register.may_be_integrated("double", Marks())


def test_marks_two_rows_bear_are_named_with_the_rows(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    for name, serial in (("gate", "SN-0001"), ("yard", "SN-0002")):
        register.learn(name, made(references=OLD.references, vendor="m", serial=serial), near=Marks())
    assert register.shared() == {min(OLD.references): ("gate", "yard")}
    register.keep_to([Device("gate", DeviceClass.SMART_CAMERA, "10.0.0.1")])
    assert register.shared() == {}, "a row that is no longer in the ledger decides nothing"


def test_a_place_is_written_when_it_changes_or_an_hour_went_by(book: SqliteNotebook) -> None:
    register = DeviceRegister(book)
    written = []
    for host, unix in (("10.0.0.1", 100.0), ("10.0.0.1", 160.0), ("10.0.0.2", 170.0)):
        register.seen("gate", Place(host, 80, unix, "10.0.0.1", 80))
        written.append(book.noted("gate", PLACE_TOPIC))
    assert written[0] == written[1] != written[2]
    register.seen("gate", Place("10.0.0.2", 80, 170.0 + SEEN_EVERY_S, "10.0.0.1", 80))
    place = DeviceRegister(book).place_of("gate")
    assert place == Place("10.0.0.2", 80, 170.0 + SEEN_EVERY_S, "10.0.0.1", 80)


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"host": 1}', "\x00", '{"macs": 3}'])
def test_damaged_notes_are_passed_over(book: SqliteNotebook, document: str) -> None:
    for topic in (MARKS_TOPIC, PLACE_TOPIC):
        book.note("gate", topic, document)
    register = DeviceRegister(book)
    assert not register.knows("gate")
    assert register.place_of("gate") is None
