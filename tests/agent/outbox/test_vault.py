"""What is sealed opens with this box's key, for its own device, and not at all when it was touched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.model import Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import TOPIC, SealedVault
from agent.ports import Credentials

LOGIN = Credentials("admin", Secret("correct horse"), pending=Secret("battery staple"))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqliteNotebook]:
    opened = SqliteNotebook(tmp_path / "notebook.db")
    yield opened
    opened.close()


def test_what_was_kept_is_found_also_after_a_restart(tmp_path: Path, book: SqliteNotebook) -> None:
    SealedVault(book, tmp_path / "key").keep("cam-1", LOGIN)
    assert SealedVault(book, tmp_path / "key").find("cam-1") == LOGIN
    assert SealedVault(book, tmp_path / "key").find("cam-2") is None


def test_nothing_on_the_disk_shows_a_password(tmp_path: Path, book: SqliteNotebook) -> None:
    SealedVault(book, tmp_path / "key").keep("cam-1", LOGIN)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"correct horse" not in written
    assert b"battery staple" not in written
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_another_key_opens_nothing_and_says_what_to_do(tmp_path: Path, book: SqliteNotebook) -> None:
    SealedVault(book, tmp_path / "key").keep("cam-1", LOGIN)
    with pytest.raises(ConfigError, match="enter the password again"):
        SealedVault(book, tmp_path / "other").find("cam-1")


def test_a_record_moved_to_another_device_opens_nothing(tmp_path: Path, book: SqliteNotebook) -> None:
    vault = SealedVault(book, tmp_path / "key")
    vault.keep("cam-1", LOGIN)
    book.note("cam-2", TOPIC, book.noted("cam-1", TOPIC) or "")
    with pytest.raises(ConfigError):
        vault.find("cam-2")


def test_a_record_that_was_touched_opens_nothing(tmp_path: Path, book: SqliteNotebook) -> None:
    vault = SealedVault(book, tmp_path / "key")
    vault.keep("cam-1", LOGIN)
    sealed = bytearray(base64.b64decode(book.noted("cam-1", TOPIC) or ""))
    for damage in ("", "no base64 at all", "AAAA", base64.b64encode(sealed[:-1] + b"\0").decode()):
        book.note("cam-1", TOPIC, damage)
        with pytest.raises(ConfigError):
            vault.find("cam-1")


def test_a_change_is_promoted_or_dropped(tmp_path: Path, book: SqliteNotebook) -> None:
    vault = SealedVault(book, tmp_path / "key")
    vault.keep("cam-1", LOGIN)
    vault.promote("cam-1")
    vault.promote("cam-1")
    assert vault.find("cam-1") == Credentials("admin", Secret("battery staple"))
    vault.keep("cam-2", LOGIN)
    vault.drop_pending("cam-2")
    assert vault.find("cam-2") == Credentials("admin", Secret("correct horse"))


def test_a_key_file_of_the_wrong_length_is_refused(tmp_path: Path, book: SqliteNotebook) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="32"):
        SealedVault(book, tmp_path / "key")
