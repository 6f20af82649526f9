"""Stills on their way to the county, against a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.model import Exhibit, ExhibitKind
from agent.outbox.stills import LIMITS_BYTES, StillSpool
from protocol.codec import mac_of
from runtime.clock import ManualClock
from runtime.link import LinkDown
from tests.support.wire import BOX, KEY

AT = datetime(2026, 11, 23, 1, 5, 12, 345000, tzinfo=UTC)


@dataclass
class County:
    """Answers every PUT with the next of ``answers`` (then 201) and remembers what came."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def county(*answers: int) -> Iterator[County]:
    state = County(answers=list(answers))

    class Door(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.came.append((self.path, dict(self.headers), body))
            self.send_response(state.answers.pop(0) if state.answers else 201)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def spool(folder: Path, url: str | None = None, limit_bytes: int = 10**6) -> Iterator[StillSpool]:
    made = StillSpool(folder, box=BOX, key=KEY, clock=ManualClock(AT), base_url=url, limit_bytes=limit_bytes)
    try:
        yield made
    finally:
        made.close()


STILL_BYTES = LIMITS_BYTES[ExhibitKind.STILL]
CLIP_BYTES = LIMITS_BYTES[ExhibitKind.CLIP]


def still(content: bytes) -> Exhibit:
    return Exhibit(ExhibitKind.STILL, content)


def clip(content: bytes) -> Exhibit:
    return Exhibit(ExhibitKind.CLIP, content)


def keep(stills: StillSpool, shown: bytes | Exhibit, at_s: float = 0) -> str:
    exhibit = still(shown) if isinstance(shown, bytes) else shown
    digest = stills.keep(exhibit, device="gate-1", at=datetime.fromtimestamp(AT.timestamp() + at_s, UTC))
    assert digest == hashlib.sha256(exhibit.content).hexdigest()
    return digest


def test_the_oldest_still_goes_first_signed_and_is_gone_when_the_county_has_it(tmp_path: Path) -> None:
    with county() as door, spool(tmp_path, door.url + "/") as stills:
        keep(stills, b"second", 1)
        digest = keep(stills, b"first", 0)
        assert stills.upload_one() == 0.0
        assert stills.upload_one() == 0.0
        assert stills.upload_one() > 0
        assert [body for _, _, body in door.came] == [b"first", b"second"]
        path, headers, _ = door.came[0]
        assert urlsplit(path).path == f"/v1/boxes/{BOX}/evidence/{digest}"
        assert parse_qs(urlsplit(path).query) == {
            "device": ["gate-1"],
            "taken_at": ["2026-11-23T01:05:12.345Z"],
        }
        moment = int(AT.timestamp())
        signed = mac_of(KEY, f"PUT\n{path}\n{moment}\n{digest}".encode())
        assert headers["Authorization"] == f"Outpost-Box ts={moment}, mac={signed}"
        assert headers["Content-Type"] == "image/jpeg"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 408, 425, 429, 500, 502, 503])
def test_an_answer_that_may_change_keeps_the_still(tmp_path: Path, status: int) -> None:
    with county(status) as door, spool(tmp_path, door.url) as stills:
        keep(stills, b"jpeg")
        with pytest.raises(LinkDown, match=str(status)):
            stills.upload_one()
        assert stills.upload_one() == 0.0
        assert [body for _, _, body in door.came] == [b"jpeg", b"jpeg"]


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
def test_an_answer_that_will_not_change_gives_it_up_and_the_next_one_goes(
    tmp_path: Path, status: int
) -> None:
    with county(status) as door, spool(tmp_path, door.url) as stills:
        keep(stills, b"bad", 0)
        keep(stills, b"good", 1)
        stills.upload_one()
        stills.upload_one()
        assert [body for _, _, body in door.came] == [b"bad", b"good"]
        assert list(tmp_path.iterdir()) == []


def test_without_a_county_stills_wait(tmp_path: Path) -> None:
    with spool(tmp_path) as stills:
        keep(stills, b"jpeg")
        assert stills.upload_one() > 0
    with county() as door:
        gone = door.url
    with spool(tmp_path, gone) as stills, pytest.raises(LinkDown):
        stills.upload_one()
    assert len(list(tmp_path.iterdir())) == 1


def test_the_spool_is_bounded_and_the_oldest_are_given_up(tmp_path: Path) -> None:
    with county() as door, spool(tmp_path, door.url, limit_bytes=1000) as stills:
        for number in range(30):
            keep(stills, bytes([number]) * 100, number)
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
        while stills.upload_one() == 0.0:
            pass
        assert [body[0] for _, _, body in door.came] == list(range(20, 30))


def test_what_is_no_still_is_refused_and_what_is_no_file_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "1_2_3.jpg").write_bytes(b"?")
    (tmp_path / ".torn.jpg.abc").write_bytes(b"?")
    with county() as door, spool(tmp_path, door.url) as stills:
        assert stills.keep(still(b""), device="gate-1", at=AT) is None
        assert stills.keep(still(b"x" * (STILL_BYTES + 1)), device="gate-1", at=AT) is None
        keep(stills, b"x" * STILL_BYTES)
        keep(stills, b"early", -AT.timestamp() - 1000)
        assert stills.upload_one() == stills.upload_one() == 0.0
        assert stills.upload_one() > 0
    assert [path.name for path in tmp_path.iterdir()] == ["1_2_3.jpg"]


def test_a_disk_that_refuses_costs_the_still_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    with spool(folder) as stills:
        folder.rmdir()
        folder.write_text("in the way")
        assert stills.keep(still(b"jpeg"), device="gate-1", at=AT) is None


def test_a_clip_goes_after_all_stills_as_what_it_is(tmp_path: Path) -> None:
    with county() as door, spool(tmp_path, door.url) as stills:
        keep(stills, clip(b"first"), 0)
        keep(stills, b"second", 1)
        while stills.upload_one() == 0.0:
            pass
        sent = [(body, headers["Content-Type"]) for _, headers, body in door.came]
        assert sent == [(b"second", "image/jpeg"), (b"first", "video/mp4")]
        assert list(tmp_path.iterdir()) == []


def test_clips_and_stills_share_the_bound_and_a_clip_never_costs_a_still(tmp_path: Path) -> None:
    with spool(tmp_path, limit_bytes=1000) as stills:
        for number in range(5):
            keep(stills, clip(bytes([number]) * 300), number)
        assert len(list(tmp_path.iterdir())) == 3
        for number in range(8):
            keep(stills, bytes([number]) * 100, 10 + number)
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
        assert [path.suffix for path in tmp_path.iterdir()] == [".jpg"] * 8
        assert stills.keep(clip(b"x" * 300), device="gate-1", at=AT) is None
        keep(stills, clip(b"x" * 200), 20)
        assert len(list(tmp_path.iterdir())) == 9


def test_a_clip_has_a_size_limit_of_its_own(tmp_path: Path) -> None:
    with spool(tmp_path, limit_bytes=10 * CLIP_BYTES) as stills:
        keep(stills, clip(b"x" * CLIP_BYTES))
        assert stills.keep(clip(b"x" * (CLIP_BYTES + 1)), device="gate-1", at=AT) is None


def test_half_a_clip_is_gone_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / f".{0:015d}_gate-1_{'ab' * 32}.mp4.x7").write_bytes(b"half")
    with spool(tmp_path):
        assert list(tmp_path.iterdir()) == []
