"""The box's database: what was written stays, in order, and what cannot stay is declared."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from agent.errors import ConfigError, StoreFull
from agent.outbox.store import COMMAND_KEPT_S, DROP_BLOCK, Row, Store
from protocol.codec import BATCH_BYTES, BATCH_ENTRIES, WINDOW_ENTRIES, Received, decode_batch, join_batch
from protocol.errors import ProtocolError, Refusal
from protocol.messages import (
    BoxEvent,
    Canary,
    CommandResult,
    DeviceIdentity,
    Gap,
    PassageCount,
    Quarantined,
    Scene,
    Shed,
)
from runtime.clock import ManualClock
from tests.support.processes import wait_until
from tests.support.wire import BOX, KEY, LOG

REPOSITORY = Path(__file__).parents[3]


@contextmanager
def opened(folder: Path, *, clock: ManualClock | None = None, **options: Any) -> Iterator[Store]:
    store = Store(folder / "box.db", box=BOX, key=KEY, clock=clock or ManualClock(), **options)
    try:
        yield store
    finally:
        store.close()


def write(store: Store, count: int = 1) -> int:
    """Write what is never shed; returns the last sequence."""
    clock = ManualClock()
    for _ in range(count):
        last = store.append(BoxEvent(what="noted", detail=str(store.last + 1)), at=clock.now())
    return last


def received(store: Store, first: int, last: int) -> list[Received]:
    """What the centre would let in of what is kept between."""
    entries: list[Received] = []
    at = first
    while at <= last:
        hole = store.hole(at)
        if hole is not None:
            at = hole.last + 1
            continue
        rows = store.read(at, last)
        for item in decode_batch(LOG, join_batch([row.body for row in rows]), key=KEY):
            assert isinstance(item, Received), item
            entries.append(item)
        at = rows[-1].sequence + 1
    return entries


def gaps_of(store: Store) -> list[Gap]:
    return [one.entry.data for one in received(store, 1, store.last) if isinstance(one.entry.data, Gap)]


def assert_every_sequence_is_kept_or_declared_once(store: Store) -> None:
    entries = received(store, 1, store.last)
    seen = [one.entry.number for one in entries if not isinstance(one.entry.data, Gap)]
    for gap in gaps_of(store):
        seen += range(gap.first, gap.last + 1)
    assert sorted(seen) == list(range(1, store.last + 1))


def tamper(folder: Path, *statements: str) -> None:
    db = sqlite3.connect(folder / "box.db", isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


# --- epoch, sequences, sessions ------------------------------------------------------------------


def test_sequences_begin_at_one_and_go_on_after_a_restart_in_the_same_epoch(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        epoch = store.epoch
        assert store.boot_reason == "first_start"
        assert (store.last, store.waiting, store.read(1, 10)) == (0, 0, [])
        assert [write(store), write(store)] == [1, 2]
    with opened(tmp_path) as store:
        assert (store.epoch, store.last, store.boot_reason) == (epoch, 2, "clean_start")
        assert write(store) == 3
        assert [one.entry.number for one in received(store, 1, 3)] == [1, 2, 3]


def test_the_listener_is_told_after_the_commit(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        told: list[list[Row]] = []
        store.on_append(lambda: told.append(store.read(1, 10)))
        write(store)
        assert [len(rows) for rows in told] == [1]


def test_sessions_grow_over_restart_new_installation_and_a_clock_set_back(tmp_path: Path) -> None:
    clock = ManualClock()
    sessions = []
    with opened(tmp_path / "first", clock=clock) as store:
        sessions += [store.next_session(), store.next_session()]
        clock.jump(-10 * 365 * 86_400)
        sessions.append(store.next_session())
    with opened(tmp_path / "first", clock=clock) as store:
        sessions.append(store.next_session())
    clock.jump(10 * 365 * 86_400)
    clock.advance(60)
    with opened(tmp_path / "second", clock=clock) as store:
        sessions.append(store.next_session())
    assert sessions == sorted(set(sessions))


_WRITER = """
import sys
from pathlib import Path
from agent.outbox.store import Store
from protocol.messages import BoxEvent
from runtime.clock import SystemClock
clock = SystemClock()
store = Store(Path(sys.argv[1]), box="village-1", key=bytes(range(32)), clock=clock, max_rows=2_000)
print(store.epoch, flush=True)
while True:
    print(store.append(BoxEvent(what="noted", detail=str(store.last + 1)), at=clock.now()), flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_writing_it_keeps_what_it_said_and_uses_no_sequence_twice(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    said = 0
    epochs = set()
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WRITER), str(tmp_path / "box.db")],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            epochs.add(child.stdout.readline().strip())
            for _ in range(rng.randrange(1, 60)):
                number = int(child.stdout.readline())
                assert number > said
                said = number
            os.kill(child.pid, signal.SIGKILL)
            said = max([said, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
    assert len(epochs) == 1
    with opened(tmp_path) as store:
        assert store.boot_reason == "after_crash"
        assert store.last >= said
        numbers = [int(one.entry.data.detail) for one in received(store, 1, store.last)]
        assert numbers == list(range(1, store.last + 1))
        assert write(store) == numbers[-1] + 1


# --- reading -------------------------------------------------------------------------------------


def test_a_batch_is_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 2 * BATCH_ENTRIES)
        assert [row.sequence for row in store.read(3, 999)] == list(range(3, 3 + BATCH_ENTRIES))
        assert [row.sequence for row in store.read(3, 4)] == [3, 4]
    with opened(tmp_path / "large") as store:
        identity = DeviceIdentity.model_validate(
            {"device_class": "smart_camera", "profiles": ["画" * 140] * 16}
        )
        for _ in range(20):
            store.append(identity, at=ManualClock().now())
        batch = store.read(1, 20)
        assert 1 < len(batch) < 20
        assert len(join_batch([row.body for row in batch])) <= BATCH_BYTES


def test_an_entry_that_is_too_large_is_refused_and_takes_no_sequence(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        identity = DeviceIdentity.model_validate(
            {"device_class": "smart_camera", "profiles": ["画" * 200] * 16}
        )
        with pytest.raises(ProtocolError) as refused:
            store.append(identity, at=ManualClock().now())
        assert refused.value.refusal is Refusal.OVERSIZE
        assert write(store) == 1


def test_an_entry_that_the_disk_changed_is_moved_aside_before_it_is_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 3)
        changed = store.read(2, 2)[0].body.replace(b'"detail":"2"', b'"detail":"7"')
        tamper(tmp_path, f"UPDATE entry SET body = x'{changed.hex()}' WHERE sequence = 2")
        first, second, third = received(store, 1, 3)
        assert isinstance(second.entry.data, Quarantined)
        assert (first.entry.data.detail, third.entry.data.detail) == ("1", "3")
        assert received(store, 2, 2)[0].body_hash == second.body_hash


def test_quarantine_puts_the_hash_in_the_place_and_keeps_the_entry(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 3)
        (row,) = store.read(2, 2)
        store.quarantine(2, because="Packet too large")
        replaced = received(store, 2, 2)[0].entry.data
        assert isinstance(replaced, Quarantined)
        assert replaced.refused_because == "Packet too large"
        store.quarantine(2, because="again")
        store.quarantine(99, because="never was")
        assert received(store, 2, 2)[0].entry.data == replaced
    db = sqlite3.connect(tmp_path / "box.db")
    assert db.execute("SELECT sequence, because, body FROM quarantine").fetchall() == [
        (2, "Packet too large", row.body)
    ]
    db.close()


# --- bounds, acknowledgement, purge --------------------------------------------------------------


def test_a_full_outbox_declares_exactly_what_it_gives_up(tmp_path: Path) -> None:
    with opened(tmp_path, max_rows=600) as store:
        write(store, 600)
        assert gaps_of(store) == []
        write(store, 1)
        first = WINDOW_ENTRIES + 1
        assert gaps_of(store) == [
            Gap(first=first, last=first + DROP_BLOCK - 1, entries=DROP_BLOCK, reason="outbox_full")
        ]
        write(store, 500)
        assert store.last == 1_101
        (gap,) = gaps_of(store)
        assert gap.first == first
        assert gap.entries == gap.last - gap.first + 1
        assert_every_sequence_is_kept_or_declared_once(store)
        kept = len(received(store, 1, store.last))
        assert kept <= 600
        assert gap.entries == store.last - (kept - 1)


def test_a_loss_is_followed_by_word_once_the_centre_has_all_the_rest(tmp_path: Path) -> None:
    with opened(tmp_path, max_rows=600) as store:
        told: list[int] = []
        store.on_loss_told(lambda: told.append(store.upto))
        write(store, 600)
        store.acknowledged(600)
        assert told == []
        write(store, 1_200)
        store.acknowledged(900)
        assert told == []
        store.acknowledged(1_800)
        assert told == [1_800]
        write(store, 1)
        store.acknowledged(1_801)
        assert told == [1_800]


def test_acknowledged_entries_make_room_before_anything_is_given_up(tmp_path: Path) -> None:
    with opened(tmp_path, max_rows=600) as store:
        write(store, 600)
        store.acknowledged(550)
        write(store, 300)
        assert gaps_of(store) == []
        assert store.waiting == 350
        hole = store.hole(1)
        assert hole is not None
        assert not hole.declared


def test_an_entry_that_may_have_been_sent_never_comes_again_with_another_body(tmp_path: Path) -> None:
    with opened(tmp_path, max_rows=600) as store:
        write(store, 600)
        store.acknowledged(100)
        sent = {one.entry.number: one.body_hash for one in received(store, 101, 100 + WINDOW_ENTRIES)}
        write(store, 600)
        now = {one.entry.number: one.body_hash for one in received(store, 101, 100 + WINDOW_ENTRIES)}
        assert sent == now
        assert len(sent) == WINDOW_ENTRIES


def test_what_a_restored_centre_asks_for_and_is_gone_is_declared_in_its_place(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock=clock, grace_s=3600.0) as store:
        write(store, 50)
        store.acknowledged(50)
        clock.advance(3601)
        assert store.purge() == 50
        write(store, 10)
        store.acknowledged(20)
        assert (store.upto, store.waiting) == (20, 40)
        hole = store.hole(21)
        assert hole is not None
        assert (hole.last, hole.declared) == (50, False)
        store.declare_missing(21, hole.last, reason="purged")
        again = store.hole(21)
        assert again is not None
        assert (again.last, again.declared) == (49, True)
        assert gaps_of(store) == [Gap(first=21, last=50, entries=30, reason="purged")]
        assert store.last == 60
        assert store.hole(50) is None
        assert store.hole(61) is None


def test_a_hole_ends_where_the_next_declared_one_begins(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock=clock, grace_s=1.0) as store:
        write(store, 100)
        store.acknowledged(100)
        clock.advance(10)
        store.purge()
        store.declare_missing(40, 60, reason="purged")
        for first, last, declared in ((1, 39, False), (39, 39, False), (40, 59, True), (61, 100, False)):
            hole = store.hole(first)
            assert hole is not None
            assert (hole.last, hole.declared) == (last, declared)


def test_entries_are_kept_through_the_grace_period_and_nothing_unacknowledged_goes(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock=clock, grace_s=3600.0) as store:
        write(store, 10)
        store.acknowledged(6)
        clock.advance(3599)
        assert store.purge() == 0
        clock.advance(2)
        assert store.purge() == 6
        clock.jump(10 * 365 * 86_400)
        assert store.purge() == 0
        assert [one.entry.number for one in received(store, 1, 10)] == [7, 8, 9, 10]


def test_impossible_acknowledgements_change_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 5)
        store.acknowledged(6)
        assert store.upto == 0
        store.acknowledged(5)
        store.acknowledged(3)
        assert store.upto == 3


# --- disk full -----------------------------------------------------------------------------------


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """SQLite refuses every further page, as on a full disk."""
    db = store._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    yield
    db.execute("PRAGMA max_page_count=1073741823")


def fill(store: Store) -> int:
    """Write until the disk refuses; returns how often it was taken."""
    for number in range(10_000):
        try:
            write(store)
        except StoreFull as full:
            assert "box.db" in str(full)
            return number
    pytest.fail("the disk never was full")


def test_a_full_disk_loses_no_sequence_and_works_again_later(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 3)
        with full_disk(store):
            taken = fill(store)
            last = store.last
            assert last == 3 + taken
            with pytest.raises(StoreFull):
                write(store)
            assert store.last == last
            assert store.next_session() < store.next_session()
        assert write(store) == last + 2
        told, written = received(store, last + 1, last + 2)
        assert isinstance(told.entry.data, BoxEvent)
        assert told.entry.data.what == "entries_dropped"
        assert "2 entries" in told.entry.data.detail
        assert written.entry.data == BoxEvent(what="noted", detail=str(last + 1))
        assert_every_sequence_is_kept_or_declared_once(store)


# --- bytes, and what is shed as it fills ---------------------------------------------------------

MOTION = "tns1:VideoSource/MotionAlarm"


def motion(phase: str, episode: str) -> Scene:
    return Scene.model_validate({"topic": MOTION, "phase": phase, "seen_by": "box", "episode": episode})


def test_it_is_bounded_in_bytes_and_declares_what_it_gives_up(tmp_path: Path) -> None:
    bound = 600 * 1024
    with opened(tmp_path, max_bytes=bound) as store:
        write(store, 4_000)
        assert store.last == 4_000
        (gap,) = gaps_of(store)
        assert gap.first == WINDOW_ENTRIES + 1
        assert gap.reason == "outbox_full"
        assert_every_sequence_is_kept_or_declared_once(store)
        assert (tmp_path / "box.db").stat().st_size <= bound


def test_acknowledged_entries_make_room_in_bytes_too(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=600 * 1024) as store:
        for _ in range(8):
            store.acknowledged(write(store, 500))
        assert gaps_of(store) == []


def test_a_filling_outbox_sheds_what_is_worth_least_and_counts_it(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, max_rows=1_000, clock=clock) as store:
        now = clock.now()
        assert store.append(Canary(number=1), at=now) == 1
        write(store, 260)
        assert store.append(Canary(number=2), at=now) == 0
        assert store.append(motion("start", "e1"), at=now) == 262
        write(store, 250)
        assert store.append(motion("start", "e2"), at=now) == 0
        assert store.append(motion("end", "e2"), at=now) == 0, "none ends that never began"
        assert store.append(motion("end", "e1"), at=now) == 513, "what began ends"
        hour = PassageCount(hour=now, passages=1, observed_s=3600)
        assert store.append(hour, at=now) == 514
        write(store, 250)
        assert store.append(hour, at=now) == 0
        clock.advance(3_600)
        write(store, 1)
        (shed,) = (
            one.entry.data for one in received(store, 700, store.last) if isinstance(one.entry.data, Shed)
        )
        assert shed.entries == {"canary": 1, "scene": 2, "passage.count": 1}
        assert shed.until >= shed.since
        assert_every_sequence_is_kept_or_declared_once(store)


def test_what_was_shed_is_told_once_also_after_a_power_cut_and_when_it_empties(tmp_path: Path) -> None:
    with opened(tmp_path, max_rows=1_000) as store:
        write(store, 300)
        store.append(Canary(number=1), at=ManualClock().now())
        cut = tmp_path / "cut"
        shutil.copytree(tmp_path, cut)
        store.append(Canary(number=1), at=ManualClock().now())
        store.acknowledged(300)
        write(store, 1)
        told = [one.entry.data for one in received(store, 301, store.last)]
        assert [type(data) for data in told] == [Shed, BoxEvent]
        assert told[0].entries == {"canary": 2}
        write(store, 1)
        assert store.last == 303
    with opened(tmp_path, max_rows=1_000) as store:
        assert write(store) == 304
    with opened(cut, max_rows=1_000) as store:
        write(store, 1)
        told = [one.entry.data for one in received(store, 301, store.last)]
        assert [type(data) for data in told] == [Shed, BoxEvent]
        assert told[0].entries == {"canary": 1}


def test_an_older_outbox_file_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 3)
        epoch = store.epoch
    tamper(tmp_path, "DELETE FROM meta WHERE key = 'shed'")
    with opened(tmp_path, max_rows=1_000) as store:
        assert (store.epoch, store.last) == (epoch, 3)
        write(store, 300)
        assert store.append(Canary(number=1), at=ManualClock().now()) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_disk_filled_by_others_is_drained_with_the_ballast(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as small, opened(small, ballast_bytes=2 * 1024**2) as store:
        last = write(store, 1_200)
        ballast = small / "box.db.ballast"
        assert ballast.stat().st_blocks * 512 >= 2 * 1024**2
        stuff(small / "other", keep_free=0)
        last = write(store, 8_000)
        assert not ballast.exists()
        assert len(gaps_of(store)) == 1
        assert_every_sequence_is_kept_or_declared_once(store)
        store.acknowledged(last)
        write(store, 300)
        (small / "other").unlink()
        store.purge()
        assert ballast.exists()
    assert store.last == last + 300


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_it_opens_on_a_full_disk_with_the_ballast(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as small:
        with opened(small, ballast_bytes=2 * 1024**2) as store:
            last = write(store, 100)
        stuff(small / "other", keep_free=0)
        with opened(small, ballast_bytes=2 * 1024**2) as store:
            assert write(store, 10) == last + 10


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield small
    finally:
        subprocess.run(["umount", str(small)], check=True)


def stuff(path: Path, *, keep_free: int) -> None:
    """Fill the file system that ``path`` is on."""
    with path.open("ab", buffering=0) as file:
        told = os.statvfs(path.parent)
        with contextlib.suppress(OSError):
            for _ in range((told.f_bavail * told.f_frsize - keep_free) // 4096 + 1):
                file.write(bytes(4096))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_really_full_file_system_is_survived(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        with opened(small) as store:
            fill(store)
            for act in _acts(store):
                try:
                    act()
                except StoreFull as full:
                    assert "磁盘" in str(full)
            last = store.last
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        with opened(small) as store:
            assert store.last == last
            assert write(store) > last
            assert_every_sequence_is_kept_or_declared_once(store)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _acts(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.acknowledged(2),
        store.purge,
        store.next_session,
        lambda: store.begin_command("cmd-1"),
        lambda: store.end_command("cmd-1", "done", ""),
        lambda: store.remember_device("cam-1", "{}" * 2000),
        lambda: store.forget_device("cam-1"),
        lambda: store.quarantine(3, because="x"),
    ]


# --- damaged files -------------------------------------------------------------------------------


def healthy_file(folder: Path) -> str:
    with opened(folder) as store:
        write(store, 200)
        return store.epoch


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(os.urandom(50_000)),
    "text": lambda path: path.write_text("this is not a database"),
    "empty": lambda path: path.write_bytes(b""),
    "one byte": lambda path: path.write_bytes(b"S"),
    "half": _truncate,
    "scribbled": _scribble,
    "no entry table": lambda path: tamper(path.parent, "DROP TABLE entry"),
    "no meta table": lambda path: tamper(path.parent, "DROP TABLE meta"),
    "no command table": lambda path: tamper(path.parent, "DROP TABLE command"),
    "no epoch": lambda path: tamper(path.parent, "DELETE FROM meta WHERE key = 'epoch'"),
    "wrong epoch": lambda path: tamper(path.parent, "UPDATE meta SET value = 'x' WHERE key = 'epoch'"),
    "no number": lambda path: tamper(path.parent, "UPDATE meta SET value = 'x' WHERE key = 'next_sequence'"),
    "sequence behind": lambda path: tamper(
        path.parent, "UPDATE meta SET value = '5' WHERE key = 'next_sequence'"
    ),
    "acknowledged ahead": lambda path: tamper(
        path.parent, "UPDATE meta SET value = '999' WHERE key = 'upto'"
    ),
    "somebody else's": lambda path: tamper(path.parent, "PRAGMA user_version=0"),
    "no version": lambda path: tamper(path.parent, "PRAGMA user_version=-3"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_moved_aside_and_the_box_says_so(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    epoch = healthy_file(tmp_path)
    path = tmp_path / "box.db"
    damage(path)
    broken = REGISTRY.get_sample_value("outpost_outbox_broken_total") or 0.0
    content = path.read_bytes()
    with opened(tmp_path) as store:
        assert store.epoch != epoch
        assert REGISTRY.get_sample_value("outpost_outbox_broken_total") == broken + 1
        assert store.boot_reason == "outbox_broken"
        (told,) = received(store, 1, 1)
        assert isinstance(told.entry.data, BoxEvent)
        assert told.entry.data.what == "outbox_broken"
        (aside,) = [
            one for one in tmp_path.glob("box.db.broken-*") if not one.name.endswith(("-wal", "-shm"))
        ]
        assert aside.name in told.entry.data.detail
        assert aside.read_bytes() == content
        assert write(store) == 2
    assert "is damaged and was moved" in caplog.text


def test_a_file_of_newer_software_is_left_alone(tmp_path: Path) -> None:
    healthy_file(tmp_path)
    tamper(tmp_path, "PRAGMA user_version=2")
    content = (tmp_path / "box.db").read_bytes()
    with pytest.raises(ConfigError, match="newer software"), opened(tmp_path):
        pass
    assert (tmp_path / "box.db").read_bytes() == content


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "box.db").mkdir()
    with pytest.raises(ConfigError, match=r"box\.db"), opened(tmp_path):
        pass


def test_a_torn_write_ahead_log_costs_at_most_what_was_not_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 20)
        (tmp_path / "cut").mkdir()
        for suffix in ("", "-wal"):
            (tmp_path / "cut" / f"box.db{suffix}").write_bytes((tmp_path / f"box.db{suffix}").read_bytes())
    wal = tmp_path / "cut" / "box.db-wal"
    with wal.open("r+b") as file:
        file.truncate(wal.stat().st_size - 1000)
    with opened(tmp_path / "cut") as store:
        assert store.boot_reason == "after_crash"
        assert store.last == 19
        assert_every_sequence_is_kept_or_declared_once(store)


# --- ledger and command journal ------------------------------------------------------------------


def test_a_command_is_begun_once_and_its_result_ends_it(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path) as store:
        assert store.begin_command("cmd-1")
        assert not store.begin_command("cmd-1")
        assert store.begin_command("cmd-2")
        assert store.interrupted_commands() == ["cmd-1", "cmd-2"]
        store.append(CommandResult(command="cmd-1", verb="probe", outcome="done"), at=clock.now())
        assert store.interrupted_commands() == ["cmd-2"]
    with opened(tmp_path) as store:
        assert store.interrupted_commands() == ["cmd-2"]
        store.end_command("cmd-2", "failed", "the box stopped")
        assert store.interrupted_commands() == []
        assert not store.begin_command("cmd-1")


def test_ended_commands_are_forgotten_after_a_long_time_only(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock=clock) as store:
        store.begin_command("cmd-1")
        store.begin_command("cmd-2")
        store.end_command("cmd-1", "done", "")
        clock.advance(COMMAND_KEPT_S - 1)
        store.purge()
        assert not store.begin_command("cmd-1")
        clock.advance(2)
        store.purge()
        assert store.begin_command("cmd-1")
        assert not store.begin_command("cmd-2")


def test_found_devices_are_remembered(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.remember_device("cam-1", json.dumps({"host": "127.0.0.2"}))
        store.remember_device("cam-1", json.dumps({"host": "127.0.0.3"}))
    with opened(tmp_path) as store:
        assert store.remembered_devices() == {"cam-1": json.dumps({"host": "127.0.0.3"})}


def test_the_age_of_the_oldest_waiting_entry_is_told(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock=clock) as store:
        assert store.oldest_waiting_s() == 0
        write(store)
        clock.advance(30)
        write(store)
        assert store.oldest_waiting_s() == pytest.approx(30)
        store.acknowledged(1)
        assert store.oldest_waiting_s() == pytest.approx(0)
        wait_until(lambda: store.waiting == 1, within_s=1, what="one waits")


def test_a_transaction_that_fails_for_any_reason_is_rolled_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        write(store, 3)
        with pytest.raises(sqlite3.IntegrityError):
            store.declare_missing(1, 3, reason="purged")
        assert write(store) == 4
        assert gaps_of(store) == []
