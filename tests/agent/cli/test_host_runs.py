"""``--host`` run after run, each in a process of its own: what one learned, the next one knows."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.devices.login_memory import MODE_TOPIC
from agent.devices.pins import TOPIC, certificate_of
from agent.outbox.notebook import SqliteNotebook
from tests.agent.cli.test_devices import PASSWORD
from tests.support.virtual_county import RunningCounty, entry, running

REPOSITORY = Path(__file__).resolve().parents[3]
RunOf = Callable[..., tuple[int, str]]
"""Words of a command, and the name of the device they are about; the exit status and standard output."""


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", personality="dahua-like"), entry("safe", tls=True)) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, state: Path) -> RunOf:
    """Run a command about one device in a process of its own."""
    (tmp_path / "password").write_text(PASSWORD)

    def carried(*words: str, about: str = "cam") -> tuple[int, str]:
        device = county.device(about)
        login = ["--user", "admin", "--password-file", str(tmp_path / "password")]
        tls = [] if device.certificates is None else ["--tls"]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "agent", "--log-level", "ERROR", "devices", *words),
                *("--host", f"{device.ip}:{device.http_port}", *login, *tls),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "XDG_STATE_HOME": str(state)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        return done.returncode, done.stdout

    return carried


def remembered(state: Path, county: RunningCounty, about: str, topic: str) -> str | None:
    device = county.device(about)
    with contextlib.closing(SqliteNotebook(state / "outpost" / "devices.db")) as book:
        return book.noted(f"{device.ip}:{device.http_port}", topic)


def asked_unasked(county: RunningCounty) -> int:
    """Questions without a log-in where one is wanted: how a log-in is found out."""
    return county.call(lambda: county.device("cam").counters["auth_missing"])


def test_how_a_device_wants_its_log_in_is_known_to_the_next_run(
    run: RunOf, county: RunningCounty, state: Path
) -> None:
    assert run("show")[0] == 0
    assert asked_unasked(county) >= 1, "the first run does not know"
    assert remembered(state, county, "cam", MODE_TOPIC)
    found_out = asked_unasked(county)
    assert run("show")[0] == 0
    assert asked_unasked(county) == found_out, "the second one asks nothing without its log-in"


def test_a_certificate_pinned_by_one_run_is_demanded_by_the_next(
    run: RunOf, county: RunningCounty, state: Path
) -> None:
    certificates = county.device("safe").certificates
    assert certificates is not None
    first = certificate_of(county.call(lambda: certificates.der)).sha256
    assert run("show", about="safe")[0] == 0
    assert first in (remembered(state, county, "safe", TOPIC) or "")
    county.switch("safe", certificate="replaced")
    status, out = run("probe", "--no-video", about="safe")
    assert status == 1 and "certificate_changed" in out
    status, out = run("trust", "--yes", "--json", about="safe")
    told = json.loads(out)
    assert (status, told["trusted"], told["pinned"]["sha256"]) == (0, True, first)
    assert run("probe", "--no-video", about="safe")[0] == 0, "confirmed by one run, held by the next"
