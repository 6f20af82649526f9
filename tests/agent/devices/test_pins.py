"""The pin alone: the first is kept, another is refused, whatever happens to the note."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.certificate import Told, told_by
from agent.devices.pins import TOPIC, Pins, certificate_of
from agent.devices.tls_sentences import colons
from agent.errors import StoreFull
from agent.outbox.notebook import SqliteNotebook


class FullDisk:
    """A notebook whose disk is full until told otherwise."""

    def __init__(self) -> None:
        self.is_full = True
        self.kept: dict[tuple[str, str], str] = {}

    def note(self, subject: str, topic: str, document: str) -> None:
        if self.is_full:
            raise StoreFull("full")
        self.kept[subject, topic] = document

    def noted(self, subject: str, topic: str) -> str | None:
        return self.kept.get((subject, topic))

    def notes(self, topic: str) -> dict[str, str]:
        return {subject: text for (subject, its), text in self.kept.items() if its == topic}

    def strike(self, subject: str, topic: str) -> None:
        self.kept.pop((subject, topic), None)

    def strike_all(self, subject: str, *, but: Collection[str] = ()) -> None:
        for key in [key for key in self.kept if key[0] == subject and key[1] not in but]:
            del self.kept[key]


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=8))
def test_only_the_first_is_ever_admitted(shown: list[bytes]) -> None:
    pins = Pins()
    for der in shown:
        assert (pins.admit("cam", der) is None) == (der == shown[0])
    pinned = pins.pinned("cam")
    assert pinned is not None
    assert pinned.sha256 == certificate_of(shown[0]).sha256


def test_each_device_has_its_own(tmp_path: Path) -> None:
    book = SqliteNotebook(tmp_path / "notebook.db")
    pins = Pins(book)
    assert pins.admit("a", b"1") is None
    assert pins.admit("b", b"2") is None
    assert pins.admit("a", b"2") is not None
    assert Pins(book).admit("b", b"1") is not None
    book.close()


def test_of_two_that_come_first_at_once_one_is_admitted() -> None:
    pins, ready = Pins(), threading.Barrier(8)
    admitted: list[int] = []

    def come(number: int) -> None:
        ready.wait()
        if pins.admit("cam", bytes([number])) is None:
            admitted.append(number)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 1


@pytest.mark.parametrize("note", ["", "{", "[]", "null", '{"sha256": 1}', '{"sha256": "x", "der": 5}'])
def test_a_note_that_cannot_be_read_opens_no_door(note: str) -> None:
    book = FullDisk()
    book.kept["cam", TOPIC] = note
    assert Pins(book).admit("cam", b"1") is not None


def test_a_full_disk_is_no_reason_to_admit_a_second_one() -> None:
    book = FullDisk()
    pins = Pins(book)
    assert pins.admit("cam", b"1") is None
    assert pins.admit("cam", b"2") is not None
    assert book.kept == {}
    book.is_full = False
    assert pins.admit("cam", b"1") is None
    assert Pins(book).admit("cam", b"2") is not None, "noted once there was room"


def test_a_certificate_too_large_to_keep_is_known_by_its_fingerprint() -> None:
    book = FullDisk()
    book.is_full = False
    large = b"x" * 100_000
    assert Pins(book).admit("cam", large) is None
    assert len(book.kept["cam", TOPIC]) < 1000
    assert Pins(book).admit("cam", large) is None
    assert Pins(book).admit("cam", large + b"x") is not None


def test_a_fingerprint_is_written_as_openssl_does() -> None:
    assert colons("3f09a1") == "3F:09:A1"


@given(st.binary(max_size=400))
def test_what_is_no_certificate_tells_nothing(der: bytes) -> None:
    assert told_by(der) == Told()
