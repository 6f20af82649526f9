"""What the box has learned, in a file beside the outbox: ledger, pins, log-in modes, scorecards.

Law: a document is on the disk when ``note`` returns, and a reader sees the old one or the new one, whenever
the power goes. A damaged file is moved aside and a new one begins: what was learned is learned again. The
service and the command line have the same file open at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Collection
from pathlib import Path

from agent.errors import ConfigError, StoreFull

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_WAIT_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS note (
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (topic, subject)
) WITHOUT ROWID
"""


class SqliteNotebook:
    """Implements Notebook. Thread-safe: one connection behind one lock."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file belongs to newer software or the disk does not let us."""
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.moved_to: Path | None = None
        """Where a damaged file was moved; None when there was none."""
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            self.moved_to = path.with_name(f"{path.name}.broken-{time.time_ns()}")
            log.error("notebook=%s is damaged (%s) and was moved to %s", path, error, self.moved_to)
            path.rename(self.moved_to)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._db = _open(path)

    def note(self, subject: str, topic: str, document: str) -> None:
        self._write("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", topic, subject, document)

    def noted(self, subject: str, topic: str) -> str | None:
        with self._lock:
            query = "SELECT document FROM note WHERE topic = ? AND subject = ?"
            row = self._db.execute(query, (topic, subject)).fetchone()
        return None if row is None else str(row[0])

    def notes(self, topic: str) -> dict[str, str]:
        with self._lock:
            query = "SELECT subject, document FROM note WHERE topic = ? ORDER BY subject"
            return dict(self._db.execute(query, (topic,)).fetchall())

    def strike(self, subject: str, topic: str) -> None:
        self._write("DELETE FROM note WHERE topic = ? AND subject = ?", topic, subject)

    def strike_all(self, subject: str, *, but: Collection[str] = ()) -> None:
        kept = ", ".join("?" * len(but))
        self._write(f"DELETE FROM note WHERE subject = ? AND topic NOT IN ({kept})", subject, *but)  # noqa: S608 - question marks alone

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock:
            self._db.close()

    def _write(self, statement: str, *values: str) -> None:
        try:
            with self._lock:
                self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            told = f"请清理磁盘 / notebook={self._path} cannot be written: {error}; free some disk"
            raise StoreFull(told) from error


def _open(path: Path) -> sqlite3.Connection:
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its -wal and -shm get the same mode
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_WAIT_S)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check failed")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            problem = (
                f"schema {version}, this software knows {SCHEMA_VERSION}: install the newer software again"
            )
            raise ConfigError(str(path), [f"数据库版本较新，请装回新版软件 / {problem}"])
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.OperationalError as error:
        db.close()
        raise ConfigError(str(path), [f"无法打开 / cannot be opened: {error}"]) from error
    except BaseException:
        db.close()
        raise
    return db
