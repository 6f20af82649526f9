"""A whole village watched live: many streams of 720p15 from the simulator, a real box, and what it takes.

    python -m tests.support.live_streams [--streams 64] [--minutes 30]      ``make live-64``, LIVE_MIN minutes

The simulator and the box (``python -m agent run``) are processes of their own; this one reads the box's pages
/sight and /metrics and both processes' CPU. Most cameras see nobody, somebody passes one of the gates every
few seconds, some streets are never quiet. A line a minute; at the end whether every stream was up and read
whole, none was judged late, and memory was flat over the last two thirds. Exit status 1 when not.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any, Final

import psutil

from agent.cli.sight import NotRunning, Sight, ask
from simulator.county import County, CountyFile
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.support.processes import free_port
from tests.support.studio import scene_cache

REPOSITORY: Final = Path(__file__).parents[2]
MAIN = ProfileSpec("main", 1280, 720, 15, 30)
PASSWORD: Final = "pass-word-1"
SCENES: Final = (
    *(
        "gate-day",
        "gate-night",
        "gate-day",
        "lookout-day",
        "gate-day",
        "gate-night",
        "trees-wind",
        "gate-day",
    ),
    *(
        "gate-night",
        "gate-day",
        "gate-day",
        "gate-night",
        "lookout-day",
        "gate-day",
        "gate-night",
        "street-day",
    ),
)
"""In turn: ten of sixteen gates by day or night; one of sixteen is never quiet."""
PASSES_S: Final = 200.0
"""Each gate is passed once in so long, by somebody who stays 7 s: with the streets a tenth of the time."""
POLL_S: Final = 5.0
UP_WITHIN_S: Final = 120.0
SETTLE_S: Final = 30.0
LAG_BOUND_S: Final = 2.0
LOST_RATIO: Final = 0.001
READ_RATIO: Final = 0.98
GROWTH_MIB: Final = 12.0
GROWTH_RATIO: Final = 0.03
_YARD: Final = {"name": "yard", "corners": [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]}


# --- the simulator's process ---------------------------------------------------------------------


def serve(count: int) -> int:
    """Run the cameras until SIGTERM: a ready line first, what was sent as the last line."""
    subnet = f"127.{160 + os.getpid() % 60}.{os.getpid() // 60 % 250}"
    entries = [
        {
            "name": f"cam-{number:02}",
            "ip": f"{subnet}.{number + 10}",
            "username": "admin",
            "password": PASSWORD,
            "scene": SCENES[number % len(SCENES)],
            "kind": "lookout" if SCENES[number % len(SCENES)].startswith("lookout") else "camera",
        }
        for number in range(count)
    ]
    asyncio.run(_serve(CountyFile.model_validate({"device": entries})))
    return 0


async def _serve(file: CountyFile) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    library = Library(scene_cache())
    county = County(file, equip=equipment(library, (MAIN,)), profiles=(MAIN,))
    passing = None
    try:
        await county.start()
        addresses = {
            entry.name: {**told, "scene": entry.scene, "http_port": entry.http_port}
            for entry in file.device
            for told in (county.addresses()[entry.name],)
        }
        print(json.dumps(addresses), flush=True)
        passing = asyncio.create_task(_passes(county, file))
        await stopping.wait()
    finally:
        if passing is not None:
            passing.cancel()
        sent = [
            player.sent
            for station in county.stations.values()
            for player in getattr(station.streams, "players", ())
        ]
        told = {
            "passes": _passed,
            "skipped": sum(one.skipped for one in sent),
            "late_s": round(max((one.late_s for one in sent), default=0.0), 3),
        }
        print(json.dumps(told), flush=True)
        await county.stop()
        await library.close()


_passed = 0


async def _passes(county: County, file: CountyFile) -> None:
    """Somebody passes one gate after the other."""
    global _passed
    gates = [entry.name for entry in file.device if (entry.scene or "").startswith("gate")]
    await asyncio.sleep(20)  # the box learns what the places look like
    for name in itertools.cycle(gates):
        picture = county.stations[name].device.picture
        assert picture is not None
        picture.play("intruder")
        _passed += 1
        await asyncio.sleep(PASSES_S / len(gates))


# --- the watcher of both -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """Both processes at one moment."""

    at_s: float
    box_cpu_s: float
    simulator_cpu_s: float
    machine_cpu_s: float
    """What all processes used of all cores."""
    resident_mib: float
    sight: Sight


@dataclass(slots=True)
class Run:
    """All looks since every stream was up."""

    streams: int
    looks: list[Look] = field(default_factory=list)
    events: int = 0
    passes: int = 0
    bugs: int = 0
    skipped: int = 0
    late_s: float = 0.0
    up_after_s: float | None = None
    ended: bool = False
    """The box ended by itself."""


@contextlib.contextmanager
def _cameras(count: int) -> Iterator[tuple[subprocess.Popen[str], Mapping[str, Any]]]:
    command = [sys.executable, "-m", "tests.support.live_streams", "--serve", "--streams", str(count)]
    child = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()  # clips are rendered first, once a machine
        if not line:
            raise SystemExit("the simulator did not start")
        yield child, json.loads(line)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()


def write_config(folder: Path, addresses: Mapping[str, Any], port: int) -> Path:
    """The configuration of a box that watches these cameras; nobody answers at its county."""
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text(PASSWORD)
    lines = [
        f'[box]\nid = "live"\ndata_dir = "{folder}/data"',
        f'[centre]\nhost = "127.0.0.1"\nport = {free_port()}\nmac_key_file = "{folder}/key"',
        f"[monitor]\nport = {port}",
    ]
    for name, told in addresses.items():
        kind = "lookout" if told["kind"] == "lookout" else "smart_camera"
        lines.append(
            f'[[device]]\nid = "{name}"\nclass = "{kind}"\n'
            f'host = "{told["ip"]}"\nport = {told["http_port"]}\n'
            f'username = "admin"\npassword_file = "{folder}/password"'
        )
        if told["scene"].startswith("gate"):
            lines.append(f'[[device.zone]]\nname = "{_YARD["name"]}"\ncorners = {_YARD["corners"]}')
    (folder / "box.toml").write_text("\n".join(lines) + "\n")
    return folder / "box.toml"


@contextlib.contextmanager
def _box(folder: Path, addresses: Mapping[str, Any], port: int) -> Iterator[subprocess.Popen[bytes]]:
    path = write_config(folder, addresses, port)
    with (folder / "box.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", str(path)],
            cwd=REPOSITORY,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)


def lived(count: int, *, minutes: float) -> Run:
    """Watch ``count`` streams for so long, printing a line a minute."""
    run = Run(count)
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        _cameras(count) as (simulator, addresses),
        _box(Path(folder), addresses, port) as box,
    ):
        began = time.monotonic()
        watched = psutil.Process(box.pid), psutil.Process(simulator.pid)
        while run.up_after_s is None and time.monotonic() - began < UP_WITHIN_S and box.poll() is None:
            time.sleep(1.0)
            with contextlib.suppress(NotRunning):
                if ask("127.0.0.1", port).up == count:
                    run.up_after_s = time.monotonic() - began
        print(f"{count} streams up after {run.up_after_s or float('nan'):.0f} s", flush=True)
        time.sleep(SETTLE_S if box.poll() is None else 0)
        _watch(run, watched, port, minutes=minutes)
        run.ended = box.poll() is not None
        if not run.ended:
            told = _metrics(port)
            run.events = int(told.get("outpost_scene_events_total", 0))
            run.bugs = int(told.get("outpost_worker_bugs_total", 0))
        else:
            print((Path(folder) / "box.log").read_text("utf-8", "replace")[-4000:])
        simulator.send_signal(signal.SIGTERM)
        assert simulator.stdout is not None
        sent = json.loads(simulator.stdout.readline() or "{}")
        run.passes, run.skipped = sent.get("passes", 0), sent.get("skipped", 0)
        run.late_s = sent.get("late_s", 0.0)
    return run


def _watch(run: Run, watched: tuple[psutil.Process, psutil.Process], port: int, *, minutes: float) -> None:
    head = (
        "min",
        "box CPU %",
        "sim CPU %",
        "others %",
        "RSS MiB",
        "up",
        "lag s",
        "gates",
        "packets/s",
        "decoded/s",
    )
    print("  ".join(f"{name:>9}" for name in (*head, "judged/s", "lost", "shed")), flush=True)
    ends = time.monotonic() + 60.0 * minutes
    minute: list[Look] = []
    with contextlib.suppress(psutil.NoSuchProcess, NotRunning):
        while True:
            look = _look(watched, port)
            run.looks.append(look)
            minute.append(look)
            if look.at_s - minute[0].at_s >= 60.0 - POLL_S / 2 or look.at_s >= ends:
                _print(run, minute)
                minute = [look]
            if look.at_s >= ends:
                return
            time.sleep(POLL_S)


def _look(watched: tuple[psutil.Process, psutil.Process], port: int) -> Look:
    box, simulator = watched
    spent = [sum(process.cpu_times()[:2]) for process in (box, simulator)]
    resident = box.memory_info().rss / 2**20
    machine = psutil.cpu_times()
    busy_s = sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
    return Look(time.monotonic(), spent[0], spent[1], busy_s, resident, ask("127.0.0.1", port))


def _print(run: Run, minute: Sequence[Look]) -> None:
    first, last = minute[0], minute[-1]
    took_s = max(last.at_s - first.at_s, 0.001)
    figures = (
        f"{(last.at_s - run.looks[0].at_s) / 60:.1f}",
        f"{(last.box_cpu_s - first.box_cpu_s) / took_s:.1%}",
        f"{(last.simulator_cpu_s - first.simulator_cpu_s) / took_s:.1%}",
        f"{_others(first, last):.1%}",
        f"{last.resident_mib:.1f}",
        f"{min(look.sight.up for look in minute)}",
        f"{max(look.sight.lag_s for look in minute):.2f}",
        f"{mean(look.sight.gates_open for look in minute):.1f}",
        f"{mean(look.sight.packets_per_s for look in minute):.0f}",
        f"{mean(look.sight.decoded_per_s for look in minute):.1f}",
        f"{mean(look.sight.judged_per_s for look in minute):.1f}",
        f"{last.sight.lost_frames - first.sight.lost_frames}",
        f"{max(look.sight.shed_level for look in minute)}",
    )
    print("  ".join(f"{figure:>9}" for figure in figures), flush=True)


def _others(first: Look, last: Look) -> float:
    """What everybody else used meanwhile, in cores."""
    ours_s = last.box_cpu_s - first.box_cpu_s + last.simulator_cpu_s - first.simulator_cpu_s
    return (last.machine_cpu_s - first.machine_cpu_s - ours_s) / max(last.at_s - first.at_s, 0.001)


def _metrics(port: int) -> dict[str, float]:
    """The metrics of the box, those of one name added up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
        found[name] = found.get(name, 0.0) + float(value)
    return found


def growth_mib(run: Run) -> float:
    """By how much memory grew over the last two thirds, by a straight line through it."""
    looks = run.looks[len(run.looks) // 3 :]
    if len(looks) < 3:
        return 0.0
    at_s = [look.at_s for look in looks]
    slope, _ = linear_regression(at_s, [look.resident_mib for look in looks])
    return slope * (at_s[-1] - at_s[0])


def wrong(run: Run) -> list[str]:
    """What is not as it should be, a line each."""
    if run.up_after_s is None or not run.looks:
        return [f"not all streams were up within {UP_WITHIN_S:.0f} s"]
    found = ["the box ended by itself"] if run.ended else []
    low = min(look.sight.up for look in run.looks)
    if low < run.streams:
        found.append(f"{run.streams - low} streams were not up at some moment")
    worst = max(look.sight.lag_s for look in run.looks)
    if worst > LAG_BOUND_S:
        found.append(f"a stream fell behind: judged {worst:.2f} s late, bound {LAG_BOUND_S:g} s")
    read = mean(look.sight.packets_per_s for look in run.looks) / (run.streams * MAIN.fps)
    if read < READ_RATIO:
        found.append(f"only {read:.1%} of the pictures sent were read")
    lost = run.looks[-1].sight.lost_frames - run.looks[0].sight.lost_frames
    sent = run.streams * MAIN.fps * (run.looks[-1].at_s - run.looks[0].at_s)
    if lost > LOST_RATIO * sent:
        found.append(f"{lost} of {sent:.0f} pictures were lost")
    grew = growth_mib(run)
    if grew > max(GROWTH_MIB, GROWTH_RATIO * run.looks[-1].resident_mib):
        found.append(f"memory grew by {grew:.1f} MiB over the last two thirds")
    if run.bugs:
        found.append(f"{run.bugs} bugs of workers, see the log")
    return found


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.live_streams")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--serve", action="store_true", help="be the simulator's process")
    options = parser.parse_args()
    if options.serve:
        return serve(options.streams)
    run = lived(options.streams, minutes=options.minutes)
    problems = wrong(run)
    if run.looks:
        first, last = run.looks[0], run.looks[-1]
        took_s = max(last.at_s - first.at_s, 0.001)
        print(
            f"{run.streams} streams of {MAIN.width}x{MAIN.height} at {MAIN.fps}/s for {took_s / 60:.1f} min: "
            f"box {(last.box_cpu_s - first.box_cpu_s) / took_s:.1%} of a core "
            f"({(last.box_cpu_s - first.box_cpu_s) / took_s / run.streams * 1000:.1f} ms per stream second), "
            f"{_others(first, last):.0%} of a core went to others, "
            f"simulator {(last.simulator_cpu_s - first.simulator_cpu_s) / took_s:.1%}; "
            f"memory {last.resident_mib:.0f} MiB, {growth_mib(run):+.1f} over the last two thirds; "
            f"most lag {max(look.sight.lag_s for look in run.looks):.2f} s; "
            f"{run.passes} passers-by, {run.events} scene events, {run.bugs} bugs; "
            f"the simulator left out frames {run.skipped} times, sent {run.late_s:.2f} s late at most"
        )
        if problems and _others(first, last) > 0.5 * (os.cpu_count() or 1):
            print("other processes had more than half of this machine: the figures are theirs too")
    print("\n".join(problems) or "no stream fell behind, memory is flat")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
