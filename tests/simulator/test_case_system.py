"""The sample case system takes what is signed, once, and keeps what it said it took."""

from __future__ import annotations

import base64
import http.client
import json
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from simulator.case_system import SignatureWrong, behaviour_of, verify
from tests.support.processes import Process, wait_until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENT = {"id": "e-1", "type": "outpost.incident.opened.v1", "data": {"case_no": "TG20251123-000001"}}


def signed(identity: str, body: str, *, at_s: float | None = None) -> dict[str, str]:
    """Headers made by the library that others wrote."""
    stamp = int(time.time() if at_s is None else at_s)
    moment = datetime.fromtimestamp(stamp, UTC).replace(tzinfo=None)
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(stamp),
        "webhook-signature": Webhook(SECRET).sign(identity, moment, body),
    }


def test_a_signature_of_the_common_library_is_accepted() -> None:
    body = json.dumps(EVENT)
    assert verify(SECRET, signed("e-1", body, at_s=1000.0), body.encode(), now_s=1001.0) == "e-1"


@pytest.mark.parametrize(
    ("changed", "now_s"),
    [
        ({"webhook-id": "e-2"}, 1001.0),
        ({"webhook-timestamp": "1002"}, 1001.0),
        ({"webhook-timestamp": "now"}, 1001.0),
        ({"webhook-signature": "v1,AAAA"}, 1001.0),
        ({}, 1301.0),
        ({}, 699.0),
    ],
)
def test_whatever_is_changed_or_old_is_refused(changed: dict[str, str], now_s: float) -> None:
    body = json.dumps(EVENT)
    headers = {**signed("e-1", body, at_s=1000.0), **changed}
    with pytest.raises(SignatureWrong):
        verify(SECRET, headers, body.encode(), now_s=now_s)


def test_one_of_several_signatures_is_enough() -> None:
    body = json.dumps(EVENT)
    headers = signed("e-1", body, at_s=1000.0)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"]
    assert verify(SECRET, headers, body.encode(), now_s=1000.0) == "e-1"


@pytest.mark.parametrize(
    "wrong", [{"status": 99}, {"status": True}, {"keep": 1}, {"mood": "bad"}, {"times": 0}]
)
def test_unknown_misbehaviour_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        behaviour_of(wrong)


@dataclass
class RunningDesk:
    """The case system as a process of its own."""

    folder: Path
    port: int = 0
    process: Process | None = None

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        arguments = [
            sys.executable, "-m", "simulator", "case-system", "--port", str(self.port),
            "--secret-file", str(self.folder / "secret"), "--store", str(self.folder / "desk.db"),
            "--ready-file", str(ready),
        ]  # fmt: skip
        process = Process(arguments, log=self.folder / "desk.log")
        self.process = process
        wait_until(lambda: ready.exists() or not process.running, within_s=20, what="the desk is open")
        assert process.running, process.tail()
        self.port = int(json.loads(ready.read_text())["url"].rpartition(":")[2])

    def ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body.encode(), headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def deliver(self, event: dict[str, Any]) -> int:
        body = json.dumps(event, ensure_ascii=False)
        return self.ask("POST", "/webhook", body, signed(event["id"], body))[0]

    def received(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.ask("GET", "/received")[1])
        return told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RunningDesk]:
    running = RunningDesk(tmp_path)
    (tmp_path / "secret").write_text(SECRET + "\n")
    running.start()
    yield running
    assert running.process is not None
    assert running.process.stop() in (0, -9)


def test_an_entry_that_comes_twice_is_kept_once(desk: RunningDesk) -> None:
    assert [desk.deliver(EVENT) for _ in range(3)] == [200, 200, 200]
    told = desk.received()
    assert [entry["id"] for entry in told["entries"]] == ["e-1"]
    assert told["totals"] == {"entries": 1, "repeats": 2, "conflicts": 0, "refused": 0}


def test_the_same_id_with_another_body_is_counted_as_a_conflict(desk: RunningDesk) -> None:
    desk.deliver(EVENT)
    desk.deliver({**EVENT, "data": {"case_no": "other"}})
    assert desk.received()["totals"]["conflicts"] == 1
    assert desk.received()["entries"][0]["event"] == EVENT


def test_a_killed_desk_still_has_what_it_said_it_took(desk: RunningDesk) -> None:
    taken = [{**EVENT, "id": str(uuid.uuid4())} for _ in range(20)]
    for event in taken:
        assert desk.deliver(event) == 200
    assert desk.process is not None
    desk.process.kill()
    desk.start()
    assert [entry["id"] for entry in desk.received()["entries"]] == [event["id"] for event in taken]


def test_a_desk_that_misbehaves_takes_nothing_and_gets_well_again(desk: RunningDesk) -> None:
    assert desk.ask("POST", "/behave", json.dumps({"status": 500, "times": 2}))[0] == 200
    assert [desk.deliver(EVENT) for _ in range(3)] == [500, 500, 200]
    assert desk.received()["totals"]["repeats"] == 0


def test_an_answer_lost_on_the_way_makes_a_repetition(desk: RunningDesk) -> None:
    desk.ask("POST", "/behave", json.dumps({"status": 502, "times": 1, "keep": True}))
    assert [desk.deliver(EVENT), desk.deliver(EVENT)] == [502, 200]
    assert desk.received()["totals"] == {"entries": 1, "repeats": 1, "conflicts": 0, "refused": 0}


def test_unsigned_and_shapeless_calls_are_refused_and_counted(desk: RunningDesk) -> None:
    body = json.dumps([1])
    assert desk.ask("POST", "/webhook", json.dumps(EVENT))[0] == 401
    assert desk.ask("POST", "/webhook", body, signed("x", body))[0] == 422
    assert desk.received()["totals"] == {"entries": 0, "repeats": 0, "conflicts": 0, "refused": 2}


def test_without_a_secret_yet_nothing_is_taken(desk: RunningDesk) -> None:
    (desk.folder / "secret").unlink()
    assert desk.deliver(EVENT) == 503


def test_the_page_shows_what_came_in_both_languages_and_escapes_it(desk: RunningDesk) -> None:
    assert "还没有收到" in desk.ask("GET", "/")[1]
    desk.deliver({**EVENT, "data": {"case_no": "TG1", "title_zh": "<b>村口</b>", "title_en": "gate"}})
    chinese, english = desk.ask("GET", "/")[1], desk.ask("GET", "/?lang=en")[1]
    assert "&lt;b&gt;村口" in chinese
    assert "事项编号" in chinese
    assert "gate" in english
    assert "Sample case system" in english
