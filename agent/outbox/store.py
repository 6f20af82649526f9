"""The box's database: SQLite in WAL with synchronous FULL.

Laws. The epoch is made together with the file. Sequences have no holes and are never used twice; an
entry is offered to the courier only after its commit, and never again with another body once it may
have been sent. Nothing unacknowledged is deleted without a gap record in its place. An entry that the
disk changed is noticed by its MAC before it is sent. A damaged file is moved aside, never overwritten,
and the box says so.

It is bounded in rows and bytes. As it fills, what the county misses least is written no more and counted
(``worth``); then acknowledged entries make room; then the oldest unsent go and are declared.

(WAL with synchronous NORMAL lost 327 of 3,637 entries in 38 power cuts; FULL lost none in 264 faults.)
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent.errors import ConfigError, StoreBroken, StoreFull
from agent.metrics import OUTBOX_BROKEN, OUTBOX_DROPPED, OUTBOX_ROWS
from agent.outbox.ballast import Ballast
from agent.outbox.worth import SHED_ABOVE, Valve
from protocol.codec import BATCH_BYTES, BATCH_ENTRIES, WINDOW_ENTRIES, encode_entry, is_intact
from protocol.ids import is_epoch, new_epoch
from protocol.messages import BoxEvent, CommandResult, Frozen, Gap, Quarantined, Shed, format_time
from runtime.clock import Clock

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
DROP_BLOCK = 100
"""Unacknowledged entries given up at once when the bound is reached; the gap record before them grows."""
ROOM_TRIES = 8
"""A large entry may need more than one block given up."""
SMALLEST_PAGE_BYTES = 512
WAL_PAGES = 200
"""Pages in the log before they are moved into the file: 0.8 MB, and no more than twice that on the disk."""
FULL_BYTES = 256 * 1024
"""A disk with less is full: what cannot be opened on it is not damaged."""
SHED_TOLD_S = 3600.0
"""How long entries are shed before it is said how many."""
COMMAND_KEPT_S = 90 * 86_400.0
"""How long a command's id is remembered after it ended: longer than any command is valid."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    recorded_s REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE device (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE command (id TEXT PRIMARY KEY, received_s REAL NOT NULL, outcome TEXT, detail TEXT) WITHOUT ROWID;
CREATE TABLE quarantine (
    sequence INTEGER NOT NULL,
    moved_s REAL NOT NULL,
    because TEXT NOT NULL,
    body BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it goes out."""

    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hole:
    """Entries that are gone, up to ``last``. ``declared``: the gap record behind them says so."""

    last: int
    declared: bool


class Store:
    """One open database. Thread-safe: one connection behind one lock."""

    def __init__(
        self,
        path: Path,
        *,
        box: str,
        key: bytes,
        clock: Clock,
        max_rows: int = 500_000,
        max_bytes: int = 1024**3,
        ballast_bytes: int = 4 * 1024**2,
        grace_s: float = 72 * 3600.0,
    ) -> None:
        self._path = path
        self._box = box
        self._key = key
        self._clock = clock
        self._max_rows = max_rows
        self._valve = Valve()
        self._shed_told_s = clock.monotonic() - SHED_TOLD_S
        self._grace_s = grace_s
        self._lock = threading.RLock()
        self._listener: Callable[[], None] = lambda: None
        self._on_loss_told: Callable[[], None] = lambda: None
        self._lost = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._ballast = Ballast(path.with_name(f"{path.name}.ballast"), ballast_bytes)
        moved_to = None
        try:
            self._db = self._opened()
        except StoreBroken as broken:
            moved_to = str(broken)
            OUTBOX_BROKEN.inc()
            log.error("outbox=%s is damaged and was moved to %s; a new one begins", path, moved_to)
            self._db = self._opened()
        self._page_bytes = int(self._db.execute("PRAGMA page_size").fetchone()[0])
        self._max_pages = max(1, max_bytes // self._page_bytes)
        self._db.execute(f"PRAGMA max_page_count={self._max_pages}")
        self._ballast.lay()
        self.epoch = self._meta("epoch")
        self._next = int(self._meta("next_sequence"))
        self._upto = int(self._meta("upto"))
        self._session = int(self._meta("session"))
        self._unwritten = 0
        self._shed = self._meta("shed")
        self.boot_reason = self._boot_reason(moved_to)
        self._rows = int(self._db.execute("SELECT count(*) FROM entry").fetchone()[0])
        OUTBOX_ROWS.set(self._rows)
        if moved_to is not None:
            self.append(
                BoxEvent(what="outbox_broken", detail=f"moved to {Path(moved_to).name}"),
                at=clock.now(),
                severity="ERROR",
            )

    # --- writing -------------------------------------------------------------------------------

    def on_append(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every commit of new entries."""
        self._listener = listener

    def on_loss_told(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after entries were given up and the centre has caught up with the others.

        What it knows of states that were among them is stale.
        """
        self._on_loss_told = listener

    def append(
        self, data: Frozen, *, at: datetime, subject: str | None = None, severity: str = "INFO"
    ) -> int:
        """Write one entry durably; returns its sequence, or 0 when a filling outbox sheds it by rule.

        Raises ProtocolError when it is too large and StoreFull when the disk refuses (nothing is written
        then; how many were not is the first entry that is written again). The result of a command ends the
        command in the same transaction."""
        with self._lock:
            fill = self._fill()
            self._tell_shed(fill)
            if self._valve.sheds(data, fill=fill):
                self._count_shed(data)
                return 0
            if self._unwritten:
                detail = f"磁盘已满，有内容未能写入 / {self._unwritten} entries found no room on the disk"
                self._write(BoxEvent(what="entries_dropped", detail=detail), at=at, severity="ERROR")
                self._unwritten = 0
            sequence = self._write(data, at=at, subject=subject, severity=severity)
        self._listener()
        return sequence

    def _write(self, data: Frozen, *, at: datetime, severity: str, subject: str | None = None) -> int:
        sequence = self._next
        body = self._encode(data, sequence=sequence, at=at, subject=subject, severity=severity)
        if self._rows >= self._max_rows:
            self._gave_room()
        for tries_left in reversed(range(ROOM_TRIES)):
            try:
                self._commit_entry(sequence, data, body)
                break
            except StoreFull:
                if tries_left and (self._dropped_ballast() or self._gave_room()):
                    continue
                self._unwritten += 1
                OUTBOX_DROPPED.labels(reason="disk").inc()
                raise
        self._next = sequence + 1
        self._count(+1)
        return sequence

    def _commit_entry(self, sequence: int, data: Frozen, body: bytes) -> None:
        with self._transaction():
            self._insert(sequence, data, body)
            self._set_meta("next_sequence", str(sequence + 1))
            if isinstance(data, CommandResult):
                self._end_command(data.command, data.outcome, data.detail)
            if isinstance(data, Shed):
                self._set_meta("shed", "")

    def next_session(self) -> int:
        """A session number larger than any before, also after a new installation.

        On a full disk it is larger than any of this run: the box must be able to connect, and say so.
        """
        with self._lock:
            self._session = max(self._session + 1, int(self._clock.now().timestamp()))
            try:
                with self._transaction():
                    self._set_meta("session", str(self._session))
            except StoreFull as full:
                log.warning("session=%d is not written down: %s", self._session, full)
            return self._session

    def acknowledged(self, upto: int) -> None:
        """The centre committed everything up to ``upto``; it may also have fallen back. Raises StoreFull."""
        with self._lock:
            if upto == self._upto or upto >= self._next:
                return
            with self._transaction():
                self._set_meta("upto", str(upto))
            self._upto = upto
            loss_told = self._lost and upto == self._next - 1
            if loss_told:
                self._lost = False
        if loss_told:
            self._on_loss_told()

    def purge(self) -> int:
        """Delete acknowledged entries older than the grace period; returns how many. Raises StoreFull."""
        now_s = self._clock.now().timestamp()
        with self._lock:
            with self._transaction():
                purged = self._db.execute(
                    "DELETE FROM entry WHERE sequence <= ? AND recorded_s < ?",
                    (self._upto, now_s - self._grace_s),
                ).rowcount
                self._db.execute(
                    "DELETE FROM command WHERE outcome IS NOT NULL AND received_s < ?",
                    (now_s - COMMAND_KEPT_S,),
                )
            self._count(-purged)
            if self._ballast.lay():
                self._db.execute(f"PRAGMA max_page_count={self._max_pages}")
        return purged

    def declare_missing(self, first: int, last: int, *, reason: str) -> None:
        """Put a gap record in the place of ``last``: the sequences from ``first`` on can never come again.

        They must be gone (see ``hole``). Raises StoreFull.
        """
        with self._lock:
            gap = Gap(first=first, last=last, entries=last - first + 1, reason=reason)
            body = self._encode(gap, sequence=last, at=self._clock.now(), subject=None, severity="ERROR")
            with self._transaction():
                self._insert(last, gap, body)
            self._count(+1)
            self._lost = True

    def quarantine(self, sequence: int, *, because: str) -> None:
        """Put a record with its hash in the place of an entry that the way refuses, and keep the entry aside.

        Without effect when the entry is gone or is such a record itself. Raises StoreFull.
        """
        with self._lock:
            row = self._db.execute("SELECT kind, body FROM entry WHERE sequence = ?", (sequence,)).fetchone()
            if row is None or (row[0] == Quarantined.kind and self._is_intact(row[1])):
                return
            data = Quarantined(sha256=sha256(row[1]).hexdigest(), refused_because=because[:200])
            body = self._encode(data, sequence=sequence, at=self._clock.now(), subject=None, severity="ERROR")
            with self._transaction():
                self._db.execute(
                    "INSERT INTO quarantine VALUES (?, ?, ?, ?)",
                    (sequence, self._clock.now().timestamp(), because, row[1]),
                )
                self._db.execute(
                    "UPDATE entry SET kind = ?, body = ? WHERE sequence = ?", (data.kind, body, sequence)
                )
        log.error("outbox=%s entry %d was moved to quarantine: %s", self._path, sequence, because)

    # --- reading -------------------------------------------------------------------------------

    @property
    def last(self) -> int:
        """The last committed sequence, 0 when there is none."""
        with self._lock:
            return self._next - 1

    @property
    def upto(self) -> int:
        return self._upto

    @property
    def waiting(self) -> int:
        """Entries the centre has not acknowledged."""
        return max(0, self.last - self._upto)

    def oldest_waiting_s(self) -> float:
        """Age of the oldest unacknowledged entry in seconds; 0 when there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT recorded_s FROM entry WHERE sequence > ? ORDER BY sequence LIMIT 1", (self._upto,)
            ).fetchone()
        return max(0.0, self._clock.now().timestamp() - row[0]) if row else 0.0

    def hole(self, first: int) -> Hole | None:
        """What is gone from ``first`` on; None when ``first`` is kept or not yet written."""
        with self._lock:
            row = self._db.execute(
                "SELECT sequence, kind, body FROM entry WHERE sequence >= ? ORDER BY sequence LIMIT 1",
                (first,),
            ).fetchone()
            if row is None:
                return Hole(self._next - 1, declared=False) if first < self._next else None
        sequence, kind, body = row
        if sequence == first:
            return None
        covered = _covered_from(sequence, kind, body)
        return Hole(sequence - 1, declared=True) if covered <= first else Hole(covered - 1, declared=False)

    def read(self, first: int, last: int) -> list[Row]:
        """Entries from ``first`` on without a hole, at most to ``last`` and one batch in number and bytes.

        Each is what it was when it was written: one that the disk changed goes to quarantine first.
        """
        with self._lock:
            rows = self._select(first, last)
            damaged = [sequence for sequence, body in rows if not self._is_intact(body)]
            for sequence in damaged:
                self.quarantine(sequence, because="changed on the disk of the box")
            if damaged:
                rows = self._select(first, last)
        batch: list[Row] = []
        size = 2
        for expected, (sequence, body) in enumerate(rows, first):
            size += len(body) + 1
            if sequence != expected or (batch and size > BATCH_BYTES):
                break
            batch.append(Row(sequence, bytes(body)))
        return batch

    def _select(self, first: int, last: int) -> list[tuple[int, bytes]]:
        query = "SELECT sequence, body FROM entry WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?"
        return self._db.execute(query, (first, last, BATCH_ENTRIES)).fetchall()

    def close(self) -> None:
        """Close the file and note that the stop was clean; the last close folds the WAL back."""
        with self._lock:
            try:
                with self._transaction():
                    self._set_meta("clean", "1")
            except StoreFull as full:
                log.warning("clean stop is not written down: %s", full)
            finally:
                self._db.close()

    # --- ledger and journal --------------------------------------------------------------------

    def remember_device(self, device: str, document: str) -> None:
        """Keep what discovery found, under its ledger id."""
        with self._lock, self._transaction():
            self._db.execute("INSERT OR REPLACE INTO device VALUES (?, ?)", (device, document))

    def remembered_devices(self) -> dict[str, str]:
        with self._lock:
            return dict(self._db.execute("SELECT id, document FROM device ORDER BY id").fetchall())

    def forget_device(self, device: str) -> None:
        """Keep it no longer; no effect when there is none."""
        with self._lock, self._transaction():
            self._db.execute("DELETE FROM device WHERE id = ?", (device,))

    def begin_command(self, command: str) -> bool:
        """Write a command id down before it is carried out; False when it was seen before."""
        with self._lock, self._transaction():
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO command VALUES (?, ?, NULL, NULL)",
                (command, self._clock.now().timestamp()),
            )
        return cursor.rowcount == 1

    def end_command(self, command: str, outcome: str, detail: str) -> None:
        """Note how a command ended, when that is not told by a result entry."""
        with self._lock, self._transaction():
            self._end_command(command, outcome, detail)

    def _end_command(self, command: str, outcome: str, detail: str) -> None:
        self._db.execute(
            "UPDATE command SET outcome = ?, detail = ? WHERE id = ?", (outcome, detail, command)
        )

    def interrupted_commands(self) -> list[str]:
        """Commands begun and not ended: the box died in the middle of them."""
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT id FROM command WHERE outcome IS NULL")]

    # --- inside --------------------------------------------------------------------------------

    def _boot_reason(self, moved_to: str | None) -> str:
        """``first_start``, ``clean_start``, ``after_crash`` or ``outbox_broken``; marks the run unclean."""
        clean = self._meta("clean")
        try:
            with self._transaction():
                self._set_meta("clean", "0")
        except StoreFull as full:
            log.error("outbox=%s starts on a full disk: %s", self._path, full)
        if moved_to is not None:
            return "outbox_broken"
        return {"": "first_start", "1": "clean_start"}.get(clean, "after_crash")

    def _encode(
        self, data: Frozen, *, sequence: int, at: datetime, subject: str | None, severity: str
    ) -> bytes:
        return encode_entry(
            data,
            box=self._box,
            key=self._key,
            epoch=self.epoch,
            sequence=sequence,
            at=at,
            recorded_at=self._clock.now(),
            subject=subject,
            severity=severity,
        )

    def _insert(self, sequence: int, data: Frozen, body: bytes) -> None:
        kind: str = data.kind  # type: ignore[attr-defined]
        self._db.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?)", (sequence, kind, self._clock.now().timestamp(), body)
        )

    def _opened(self) -> sqlite3.Connection:
        """Open the file; on a full disk with the ballast's room."""
        try:
            return _open(self._path)
        except ConfigError:
            if not self._ballast.drop():
                raise
            return _open(self._path)

    def _dropped_ballast(self) -> bool:
        """On a full disk: give its room to the log, not to the file, which grows no more until the ballast
        is back. Pages it could not be moved to would keep the log from ever beginning anew."""
        if not self._ballast.drop():
            return False
        pages = int(self._db.execute("PRAGMA page_count").fetchone()[0])
        self._db.execute(f"PRAGMA max_page_count={pages}")
        return True

    def _fill(self) -> float:
        """Which share of the outbox waits, 0 to 1, by rows or by bytes, whichever is more."""
        waiting = max(0, self._next - 1 - self._upto)
        if waiting * 4 < self._max_rows and self._rows == 0:
            return 0.0
        pages, free = (
            int(self._db.execute(f"PRAGMA {word}").fetchone()[0]) for word in ("page_count", "freelist_count")
        )
        share = min(1.0, waiting / max(1, self._rows))
        return max(min(waiting, self._rows) / self._max_rows, share * (pages - free) / self._max_pages)

    def _count_shed(self, data: Frozen) -> None:
        """Note that it was not written; on the disk, for what is lost is declared also after a power cut."""
        kind: str = data.kind  # type: ignore[attr-defined]
        OUTBOX_DROPPED.labels(reason="shed").inc()
        now = format_time(self._clock.now())
        counts: dict[str, Any] = json.loads(self._shed) if self._shed else {"since": now, "entries": {}}
        if not self._shed:
            self._shed_told_s = self._clock.monotonic()
        counts["until"] = now
        counts["entries"][kind] = counts["entries"].get(kind, 0) + 1
        self._shed = json.dumps(counts)
        with self._transaction():
            self._set_meta("shed", self._shed)

    def _tell_shed(self, fill: float) -> None:
        """Say how many were shed: every hour, and when the outbox has emptied. The first entry of a run
        tells what an earlier run shed."""
        if not self._shed:
            return
        waited_s = self._clock.monotonic() - self._shed_told_s
        if fill <= min(SHED_ABOVE.values()) or waited_s >= SHED_TOLD_S:
            self._write(Shed.model_validate_json(self._shed), at=self._clock.now(), severity="WARN")
            self._shed = ""

    def _gave_room(self) -> bool:
        """Acknowledged rows go first; then a block is given up, with a gap record in its place. Whether any
        went: entries that may have been sent stay, and on a full disk even deleting may fail."""
        try:
            with self._transaction():
                freed = self._db.execute(
                    "DELETE FROM entry WHERE sequence IN (SELECT sequence FROM entry WHERE sequence <= ? "
                    "ORDER BY sequence LIMIT ?)",
                    (self._upto, DROP_BLOCK),
                ).rowcount
                if freed == 0 and self._rows > WINDOW_ENTRIES + DROP_BLOCK:
                    freed = self._give_up_oldest()
        except StoreFull:
            return False
        self._count(-freed)
        return freed > 0

    def _give_up_oldest(self) -> int:
        """Give up the oldest entries that cannot have been sent: a sent one may be at the centre already,
        and must not come again as a gap record. Returns by how many rows there are fewer."""
        rows = self._db.execute(
            "SELECT sequence, kind, body FROM entry ORDER BY sequence LIMIT ? OFFSET ?",
            (DROP_BLOCK, WINDOW_ENTRIES),
        ).fetchall()
        first, last = _covered_from(*rows[0]), rows[-1][0]
        gap = Gap(first=first, last=last, entries=last - first + 1, reason="outbox_full")
        body = self._encode(gap, sequence=last, at=self._clock.now(), subject=None, severity="ERROR")
        self._db.execute("DELETE FROM entry WHERE sequence BETWEEN ? AND ?", (first, last))
        self._insert(last, gap, body)
        self._lost = True
        OUTBOX_DROPPED.labels(reason="outbox_full").inc(sum(kind != Gap.kind for _, kind, _ in rows))
        log.error("outbox=%s is full: entries %d to %d were given up and declared", self._path, first, last)
        return len(rows) - 1

    def _is_intact(self, body: bytes) -> bool:
        return is_intact(body, box=self._box, key=self._key)

    def _count(self, change: int) -> None:
        self._rows += change
        OUTBOX_ROWS.set(self._rows)

    def _meta(self, key: str) -> str:
        return str(self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db, self._path)


def _covered_from(sequence: int, kind: str, body: bytes) -> int:
    """The first sequence that this row stands for: of a gap record, where its gap begins."""
    if kind != Gap.kind:
        return sequence
    try:
        return int(json.loads(body)["data"]["first"])
    except (ValueError, KeyError, TypeError):  # changed on the disk: it stands for itself
        return sequence


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when anything raises. Raises StoreFull when the disk refuses."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise self._full(error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
        except sqlite3.OperationalError as refused:
            error = refused
        if error is not None and self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise self._full(error) from error

    def _full(self, error: sqlite3.OperationalError) -> StoreFull:
        return StoreFull(f"请清理磁盘 / outbox={self._path} cannot be written: {error}; free some disk")


def _open(path: Path) -> sqlite3.Connection:
    """Open or create; raises StoreBroken (its text is where the damaged file went) and ConfigError when
    the file belongs to newer software, is in use, or the disk does not let us."""
    if path.is_file() and path.stat().st_size < SMALLEST_PAGE_BYTES:
        raise StoreBroken(_move_aside(path))  # SQLite would take it for a new one, and nobody would know
    db = None
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        _prepare(db, path)
    except sqlite3.DatabaseError as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.OperationalError) and (not _is_damage(error) or _is_full(path)):
            raise ConfigError(str(path), [f"无法打开 / cannot be opened: {error}"]) from error
        raise StoreBroken(_move_aside(path)) from error
    except BaseException:
        if db is not None:
            db.close()
        raise
    return db


def _is_full(path: Path) -> bool:
    """A full disk shows itself as an I/O error too: it damages nothing, and moving files would lose them."""
    told = os.statvfs(path.parent)
    return told.f_bavail * told.f_frsize < FULL_BYTES


def _is_damage(error: sqlite3.OperationalError) -> bool:
    """Missing or doubled tables and columns are damage; a locked file or a full disk is not."""
    return any(sign in str(error) for sign in ("no such", "already exists", "disk I/O error", "malformed"))


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("quick_check failed")
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        _create(db)
    elif version > SCHEMA_VERSION:
        problem = f"schema {version}, this software knows {SCHEMA_VERSION}: install the newer software again"
        raise ConfigError(str(path), [f"数据库版本较新，请装回新版软件 / {problem}"])
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema {version} never was")
    db.execute("INSERT OR IGNORE INTO meta VALUES ('shed', '')")
    _check_meta(db)


def _check_meta(db: sqlite3.Connection) -> None:
    """The few values on which every law rests. Raises DatabaseError."""
    meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
    try:
        following, upto, session = (int(meta[key]) for key in ("next_sequence", "upto", "session"))
        highest = int(db.execute("SELECT coalesce(max(sequence), 0) FROM entry").fetchone()[0])
        sound = is_epoch(meta["epoch"]) and 0 <= upto < following and highest < following and session >= 0
        sound = sound and meta["clean"] in ("", "0", "1")
        for table in ("device", "command", "quarantine"):
            db.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - names of our own
    except (KeyError, ValueError) as error:
        raise sqlite3.DatabaseError(f"meta is damaged: {error}") from error
    if not sound:
        raise sqlite3.DatabaseError(f"meta contradicts the entries: {meta}")


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        db.execute(statement)
    db.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [("epoch", new_epoch()), ("next_sequence", "1"), ("upto", "0"), ("session", "0"), ("clean", "")],
    )
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    db.execute("COMMIT")


def _move_aside(path: Path) -> str:
    target = path.with_name(f"{path.name}.broken-{time.time_ns()}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
    return str(target)
