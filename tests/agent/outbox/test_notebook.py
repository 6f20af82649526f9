"""What was noted is there after a kill; a damaged file is moved aside; two processes share it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.outbox.notebook import SqliteNotebook

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_note_is_replaced_listed_and_struck(tmp_path: Path) -> None:
    book = SqliteNotebook(tmp_path / "notebook.db")
    book.note("cam-1", "tls_pin", "a")
    book.note("cam-1", "tls_pin", "b")
    book.note("cam-2", "tls_pin", "c")
    book.note("cam-1", "login_mode", "digest")
    assert book.noted("cam-1", "tls_pin") == "b"
    assert book.notes("tls_pin") == {"cam-1": "b", "cam-2": "c"}
    book.strike("cam-1", "tls_pin")
    book.strike("cam-1", "tls_pin")
    assert book.noted("cam-1", "tls_pin") is None
    assert book.noted("cam-1", "login_mode") == "digest"
    book.close()


def test_a_note_survives_the_death_of_the_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from agent.outbox.notebook import SqliteNotebook\n"
        "SqliteNotebook(Path(sys.argv[1])).note('cam-1', 'x', 'kept')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "notebook.db"
    died = subprocess.run([sys.executable, "-c", code, str(path)], cwd=REPOSITORY, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    book = SqliteNotebook(path)
    assert book.noted("cam-1", "x") == "kept"
    book.close()


def test_two_have_it_open_at_once(tmp_path: Path) -> None:
    service, command_line = SqliteNotebook(tmp_path / "n.db"), SqliteNotebook(tmp_path / "n.db")
    service.note("cam-1", "x", "from the service")
    assert command_line.noted("cam-1", "x") == "from the service"
    service.close()
    command_line.close()


@pytest.mark.parametrize(
    "damage", [b"not a database at all" * 400, b"SQLite format 3\x00" + os.urandom(5000)]
)
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "notebook.db"
    path.write_bytes(damage)
    book = SqliteNotebook(path)
    assert book.moved_to is not None
    assert book.moved_to.read_bytes() == damage
    book.note("cam-1", "x", "anew")
    assert book.noted("cam-1", "x") == "anew"
    book.close()


def test_a_file_of_newer_software_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notebook.db"
    book = SqliteNotebook(path)
    book.note("cam-1", "x", "kept")
    book._db.execute("PRAGMA user_version=9")
    book.close()
    with pytest.raises(ConfigError, match="newer software"):
        SqliteNotebook(path)
    assert path.exists()


def test_only_its_owner_reads_the_notebook(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        book = SqliteNotebook(tmp_path / "notebook.db")
        book.note("cam-1", "x", "kept")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        book.close()
    finally:
        os.umask(before)
    assert "notebook.db" in modes
    assert set(modes.values()) == {0o600}
