"""A box with good and hostile devices on one LAN: what the good ones notice of the hostile ones.

    python -m tests.support.hostile_village            64 + 64 devices, the box's own times (5 minutes)

Three processes: the good devices (simulator), the hostile ones (``tests.support.hostile``), and a box of real
parts put together as ``agent/app.py`` does: device room, prober with its threads, a listener for each device,
the store. The box is watched from outside: memory by psutil, climbs and entries as it tells them.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from agent.config import WatchSection
from agent.devices import Limits, OnvifRoom
from agent.errors import AgentError
from agent.model import Device, Evidence, Identity, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.store import Store
from agent.ports import DeviceAdapter
from agent.services.listener import Listener
from agent.services.prober import Prober
from agent.services.turns import THREADS
from protocol.messages import Frozen
from protocol.words import DeviceClass
from runtime.backoff import Backoff
from runtime.clock import SystemClock
from runtime.memory import share_heaps
from runtime.worker import Worker
from tests.support.hostile import ATTACKS, Hostile
from tests.support.virtual_county import entry, running

PASSWORD = "Village-1"
MOST_MIB = 64.0
MOTION = {"topic": "tns1:VideoSource/MotionAlarm", "source": {"Source": "VideoSource_1"}}
PULL_POINTS_MADE = "op_CreatePullPointSubscription"
HANGING = ("never_answers", "slow_drip_of_body", "slow_drip_of_headers")
"""Kinds that hold a thread until the deadline: every third hostile device is one of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Times in seconds."""

    good: int
    hostile: int
    total_s: float = 8.0
    interval_s: float = 30.0
    calm_s: float = 70.0
    """How long the good ones are alone before memory is taken as theirs."""
    attack_s: float = 180.0
    only: tuple[str, ...] = ()
    """Kinds of hostile device; all when empty."""


FULL = Plan(good=64, hostile=64)


@dataclass(slots=True)
class Climb:
    """One climb of one device: when it began (monotonic), how long it took, and what was found."""

    at_s: float
    took_s: float
    rung: str
    reason: str
    detail: str


@dataclass(slots=True)
class Report:
    """What a run showed."""

    plan: Plan
    calm_mib: float
    most_mib: float
    climbs: dict[str, list[Climb]]
    changes: list[str]
    """Changes of health of good devices after the hostile ones came."""
    told: dict[str, int]
    """Motion starts sent by each good device."""
    heard: dict[str, int]
    """Motion starts in the box's log."""
    kinds: dict[str, str]
    """Hostile device to its attack."""
    before: dict[str, dict[str, Any]]
    """The good devices as they saw themselves when the hostile ones came."""
    devices: dict[str, dict[str, Any]]
    """The same at the end."""
    attacked_at_s: float
    findings: list[str] = field(default_factory=list)

    @property
    def grown_mib(self) -> float:
        """Memory of the box above that of the good devices alone."""
        return self.most_mib - self.calm_mib

    def good_gaps_s(self) -> list[float]:
        """Pauses between two climbs of good devices, those before the hostile ones came left out."""
        return [
            after.at_s - before.at_s
            for name, climbs in self.climbs.items()
            if name not in self.kinds
            for before, after in itertools.pairwise(climbs)
            if after.at_s > self.attacked_at_s
        ]

    def good_took_s(self) -> list[float]:
        """How long climbs of good devices took beside the hostile ones."""
        return [
            climb.took_s
            for name, climbs in self.climbs.items()
            if name not in self.kinds
            for climb in climbs
            if climb.at_s > self.attacked_at_s
        ]


def judged(report: Report) -> list[str]:
    """What is wrong, one line each; [] when the good ones noticed nothing."""
    wrong = [f"a good device changed: {line}" for line in report.changes]
    if report.grown_mib > MOST_MIB:
        wrong.append(f"memory grew by {report.grown_mib:.1f} MiB, more than {MOST_MIB:g}")
    late = [gap for gap in report.good_gaps_s() if gap > report.plan.interval_s * 1.2 + 2.0]
    if late or not report.good_gaps_s():
        wrong.append(
            f"{len(late)} climbs of good devices were late, the longest pause {max(late, default=0):.1f} s"
        )
    for name, count in report.told.items():
        if report.heard.get(name, 0) != count:
            wrong.append(f"{name} told {count} motions, {report.heard.get(name, 0)} were written")
    return wrong + _wrong_with_hostile(report) + _wrong_with_good(report)


def _wrong_with_hostile(report: Report) -> list[str]:
    """Each is refused in time, with a reason and a sentence in both languages."""
    wrong, most_s = [], report.plan.total_s + 1.0
    for name, kind in report.kinds.items():
        climbs = report.climbs.get(name, [])
        wrong += [] if climbs else [f"{name} ({kind}) was never climbed"]
        wrong += [f"{name} ({kind}) took {one.took_s:.1f} s" for one in climbs if one.took_s > most_s]
        wrong += [
            f"{name} ({kind}): {one.rung} {one.reason} {one.detail!r}"
            for one in climbs
            if one.reason == "ok" or " / " not in one.detail
        ]
    return wrong


def _wrong_with_good(report: Report) -> list[str]:
    """Pull points are alive and were never made anew, and nobody's log-in failed."""
    wrong = []
    for name, device in report.devices.items():
        made, before = (one["counters"][PULL_POINTS_MADE] for one in (device, report.before[name]))
        if device["subscriptions"] != 1 or made != before:
            anew = f"{made - before} were made anew"
            wrong.append(f"{name}: {device['subscriptions']} pull points open, {anew}")
        if device["auth_failures"]:
            wrong.append(f"{name}: {device['auth_failures']} log-ins failed")
    return wrong


def run(plan: Plan, folder: Path) -> Report:
    """The story from outside: good devices settle, hostile ones come, and everybody is looked at again."""
    with (
        _role(folder, "good", str(plan.good)) as good,
        _role(folder, "hostile", str(plan.hostile), *plan.only) as hostile,
        _role(folder, "box", json.dumps(asdict(plan)), str(folder)) as box,
    ):
        rows, control = good.heard["devices"], good.heard["control"]
        process = psutil.Process(box.pid)
        box.ask({"add": rows})
        _wait(lambda: _settled(box, len(rows)), 60, "good devices come up")
        time.sleep(plan.calm_s)
        memory = [_mib(process)]
        before = requests.get(f"{control}/devices", timeout=10).json()
        attacked_at_s = time.monotonic()
        box.ask({"add": hostile.heard["devices"]})
        told: dict[str, int] = dict.fromkeys((row["id"] for row in rows), 0)
        while time.monotonic() - attacked_at_s < plan.attack_s:
            for state in ("true", "false"):
                for name in told:
                    _tell(control, name, state)
                time.sleep(1.0)
                memory.append(_mib(process))
            told = {name: count + 1 for name, count in told.items()}
        wanted = sum(told.values())
        _wait(lambda: sum(box.ask({"show": True})["heard"].values()) >= wanted, 15, "events", fail=False)
        shown = box.ask({"show": True})
        devices = requests.get(f"{control}/devices", timeout=10).json()
    report = Report(
        plan,
        memory[0],
        max(memory),
        {name: [Climb(**one) for one in climbs] for name, climbs in shown["climbs"].items()},
        [
            line["text"]
            for line in shown["changes"]
            if line["at_s"] > attacked_at_s and line["device"] in told
        ],
        told,
        shown["heard"],
        {row["id"]: row["kind"] for row in hostile.heard["devices"]},
        before,
        devices,
        attacked_at_s,
    )
    report.findings = judged(report)
    return report


def _settled(box: _Role, count: int) -> bool:
    climbs = box.ask({"show": True})["climbs"]
    return len(climbs) == count and all(one[-1]["reason"] == "ok" for one in climbs.values())


def _tell(control: str, name: str, state: str) -> None:
    body = {**MOTION, "data": {"State": state}, "operation": "Changed"}
    requests.post(f"{control}/devices/{name}/event", json=body, timeout=10).raise_for_status()


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def _wait(condition: Any, within_s: float, what: str, *, fail: bool = True) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            if fail:
                raise AssertionError(f"not within {within_s} s: {what}")
            return
        time.sleep(0.25)


class _Role:
    """A process of this module; one JSON line is asked, one is answered."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.heard = self._line()

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the process {self._process.args!r} ended")
        return json.loads(line)


@contextlib.contextmanager
def _role(folder: Path, *arguments: str) -> Iterator[_Role]:
    """Started, and ended by the end of its input; what it logs is in ``folder``."""
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hostile_village", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield _Role(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


# --- the three processes -------------------------------------------------------------------------


def _say(document: object) -> None:
    print(json.dumps(document), flush=True)


def be_good(count: int) -> None:
    """``count`` devices of the simulator, all makes by turns, until the input ends."""
    makes = ("plain", "hik-like", "dahua-like", "axis-like", "reolink-like", "bosch-like", "tapo-like")
    names = [f"good-{number}" for number in range(count)]
    entries = [
        entry(name, personality=makes[number % len(makes)], password=PASSWORD)
        for number, name in enumerate(names)
    ]
    with running(*entries) as county:
        devices = [county.device(name) for name in names]
        rows = [{"id": one.name, "host": one.ip, "port": one.http_port} for one in devices]
        _say({"devices": rows, "control": county.control_url})
        sys.stdin.read()


def be_hostile(count: int, only: Sequence[str]) -> None:
    """``count`` hostile devices, until the input ends."""
    others = [kind for kind in ATTACKS if kind not in HANGING]
    kinds = [
        HANGING[number // 3 % len(HANGING)] if number % 3 == 0 else others[number * 2 // 3 % len(others)]
        for number in range(count)
    ]
    kinds = [only[number % len(only)] for number in range(count)] if only else kinds
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Hostile(kind)) for kind in kinds]
        rows = [
            {"id": f"hostile-{number}", "host": server.host, "port": server.port, "kind": kind}
            for number, (server, kind) in enumerate(zip(servers, kinds, strict=True))
        ]
        _say({"devices": rows})
        sys.stdin.read()


class _Timed:
    """A device's adapter, with a note of every climb."""

    def __init__(self, inner: DeviceAdapter, notes: list[Climb]) -> None:
        self.device = inner.device
        self._inner = inner
        self._notes = notes

    def climb(self) -> Evidence:
        began = time.monotonic()
        found = self._inner.climb()
        took_s = time.monotonic() - began
        self._notes.append(Climb(began, took_s, str(found.rung), str(found.reason), found.detail))
        return found

    def identity(self) -> Identity:
        return self._inner.identity()

    def stream_uri(self) -> str:
        return self._inner.stream_uri()

    def stream_refused(self) -> None:
        self._inner.stream_refused()

    def ask_key(self) -> bool:
        return self._inner.ask_key()

    def snapshot(self) -> bytes:
        return self._inner.snapshot()

    def forget_failures(self) -> None:
        self._inner.forget_failures()

    def close(self) -> None:
        self._inner.close()


class _Box:
    """Device room, prober, listeners and store, put together as ``agent/app.py`` does."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        clock = SystemClock()
        self.climbs: dict[str, list[Climb]] = defaultdict(list)
        self.changes: list[dict[str, Any]] = []
        self.heard: dict[str, int] = defaultdict(int)
        self._store = Store(folder / "box.db", box="box", key=secrets.token_bytes(32), clock=clock)
        self._notebook = SqliteNotebook(folder / "notebook.db")
        self._room = OnvifRoom(
            limits=replace(Limits(), total_s=plan.total_s, pull_s=min(5.0, plan.total_s / 2)),
            notebook=self._notebook,
        )
        self._clock = clock
        self._workers: list[Worker] = []
        self._listeners: list[Listener] = []
        watch = WatchSection(ladder_interval_s=plan.interval_s, retry_interval_s=min(5.0, plan.interval_s))
        self.prober = Prober(log_=self, clock=clock, watch=watch)
        for number in range(THREADS):
            self._work(f"probe-{number}", self.prober.step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.ask_to_stop()
        closers = [threading.Thread(target=one.close, daemon=True) for one in self._listeners]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(3)
        self.prober.close()
        self._store.close()
        self._notebook.close()

    def append(self, data: Frozen, *, at: Any, subject: str | None = None, severity: str = "INFO") -> int:
        """The store's own, with a note for the story."""
        told = data.model_dump(mode="json")
        if "rung" in told:
            text = f"{subject} {told['previous_rung']} -> {told['rung']} {told['reason']}: {told['detail']}"
            self.changes.append({"at_s": time.monotonic(), "device": subject, "text": text})
        if told.get("phase") == "start":
            self.heard[subject or ""] += 1
        return self._store.append(data, at=at, subject=subject, severity=severity)

    def add(self, row: dict[str, Any]) -> None:
        """As ``BoxApp.add_device``."""
        device = Device(
            id=row["id"],
            device_class=DeviceClass.SMART_CAMERA,
            host=row["host"],
            port=row["port"],
            rtsp_port=1,
            username="admin",
            password=Secret(PASSWORD),
        )
        self.prober.add(device, _Timed(self._room.open(device), self.climbs[device.id]))
        listener = Listener(
            device,
            self._room.subscribe(device),
            log_=self,
            clock=self._clock,
            new_episode=lambda: secrets.token_hex(8),
        )
        self._listeners.append(listener)
        self._work(f"listen-{device.id}", listener.step, Backoff(base_s=5, ceiling_s=60))

    def _work(self, name: str, step: Any, backoff: Backoff | None = None) -> None:
        worker = Worker(name, step, expected=(AgentError,), on_fatal=_say, backoff=backoff)
        self._workers.append(worker)
        worker.start()

    def shown(self) -> dict[str, Any]:
        """Everything noted so far."""
        climbs = {name: [asdict(one) for one in list(notes)] for name, notes in self.climbs.items() if notes}
        return {"climbs": climbs, "changes": list(self.changes), "heard": dict(self.heard)}


def be_box(plan: Plan, folder: Path) -> None:
    """The box, until the input ends."""
    share_heaps()
    with _Box(plan, folder) as box:
        _say({"ready": True})
        for line in sys.stdin:
            question = json.loads(line)
            for row in question.get("add", ()):
                box.add(row)
            _say(box.shown() if "show" in question else {})


def told(report: Report) -> str:
    """The figures of a run, a line each."""
    gaps, took = sorted(report.good_gaps_s()), sorted(report.good_took_s())
    hostile = [climb for name in report.kinds for climb in report.climbs.get(name, [])]
    lines = [
        f"{report.plan.good} good and {report.plan.hostile} hostile devices for {report.plan.attack_s:g} s",
        f"memory: {report.calm_mib:.1f} MiB with the good ones alone, "
        f"at most {report.most_mib:.1f} beside the hostile ones ({report.grown_mib:+.1f})",
        f"good: {len(took)} climbs, median {_at(took, 0.5):.3f} s, 99th {_at(took, 0.99):.3f} s; pauses "
        f"between climbs {_at(gaps, 0):.1f} to {_at(gaps, 1):.1f} s; "
        f"{sum(report.heard.values())} of {sum(report.told.values())} motions written; "
        f"{len(report.changes)} changes of state",
        f"hostile: {len(hostile)} climbs, the longest {_at(sorted(one.took_s for one in hostile), 1):.2f} s",
    ]
    return "\n".join([*lines, *report.findings])


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main(arguments: Sequence[str]) -> int:
    """One of the three processes, or the whole run; exit status 1 when the good ones noticed something."""
    match list(arguments):
        case ["good", count]:
            be_good(int(count))
        case ["hostile", count, *only]:
            be_hostile(int(count), only)
        case ["box", plan, folder]:
            be_box(Plan(**json.loads(plan)), Path(folder))
        case _:
            parser = argparse.ArgumentParser(prog="python -m tests.support.hostile_village")
            parser.add_argument("--seconds", type=float, default=FULL.attack_s)
            parser.add_argument("--only", nargs="*", default=(), choices=list(ATTACKS), metavar="KIND")
            options = parser.parse_args(list(arguments))
            whole = replace(FULL, attack_s=options.seconds, only=tuple(options.only))
            with tempfile.TemporaryDirectory() as folder:
                report = run(whole, Path(folder))
            print(told(report))
            return 1 if report.findings else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
