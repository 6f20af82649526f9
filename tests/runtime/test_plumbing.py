"""Clock, files, logs, back-off, monitor."""

from __future__ import annotations

import io
import json
import logging
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import Backoff
from runtime.clock import ManualClock
from runtime.files import write_atomic
from runtime.logs import JsonFormatter, TextFormatter, redact
from runtime.monitor import Monitor


def test_a_jump_of_the_wall_clock_does_not_move_monotonic_time() -> None:
    clock = ManualClock()
    before = clock.monotonic()
    clock.jump(-63_072_000)
    assert clock.monotonic() == before
    clock.advance(5)
    assert clock.monotonic() == before + 5


def test_time_does_not_pass_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)


@given(st.integers(min_value=0, max_value=60))
def test_a_pause_never_exceeds_its_ceiling(failures: int) -> None:
    backoff = Backoff(base_s=0.5, ceiling_s=30)
    for _ in range(failures):
        backoff.next_s()
    assert 0 <= backoff.next_s() <= 30


def test_a_replaced_file_is_whole_private_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "state"
    write_atomic(target, b"one")
    write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert oct(target.stat().st_mode & 0o777) == "0o600"
    assert os.listdir(target.parent) == ["state"]  # noqa: PTH208 - hidden files count


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "state"
    write_atomic(target, b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_credentials_never_reach_a_log_line() -> None:
    assert redact("rtsp://admin:hunter2@10.0.0.1/x") == "rtsp://***@10.0.0.1/x"
    for formatter in (TextFormatter(), JsonFormatter()):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger = logging.Logger("camera")
        logger.addHandler(handler)
        try:
            raise ValueError("http://u:secret@127.0.0.1/")
        except ValueError:
            logger.exception("device=%s failed at rtsp://u:secret@127.0.0.1/", "gate-1")
        assert "secret" not in stream.getvalue()
        assert "gate-1" in stream.getvalue()


def test_a_message_stays_on_its_line() -> None:
    record = logging.LogRecord(
        "a", logging.INFO, "", 0, "box=%s", ("b1\nERROR fake\x1b[2J\u202e 中文",), None
    )
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert line.endswith(r"box=b1\nERROR fake\x1b[2J\u202e 中文")


def test_json_lines_are_json() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "box=%s 中文", ("b1",), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "box=b1 中文"


def test_the_monitor_says_what_is_missing() -> None:
    missing = ["broker: not connected"]
    monitor = Monitor(ready=lambda: missing)
    monitor.start()
    base = f"http://127.0.0.1:{monitor.port}"
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{base}/readyz", timeout=5)
        with refused.value as answer:
            assert answer.status == 503
            assert json.load(answer)["missing"] == missing
        missing.clear()
        with urllib.request.urlopen(f"{base}/readyz", timeout=5) as ready:
            assert ready.status == 200
        with urllib.request.urlopen(f"{base}/metrics", timeout=5) as metrics:
            assert b"outpost_link_connected" in metrics.read()
    finally:
        monitor.stop()
