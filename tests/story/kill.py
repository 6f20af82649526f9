"""``python -m tests.story.kill``: the story under kill -9, and the proof that nothing was lost or doubled.

Controller, broker and a box are killed, each so many times, in random order at random moments (the seed is
printed and can be given back), and started again after a random while. Then the county calms down, the
boxes' logs drain, everything is stopped, and ``tests.story.audit`` reads the raw tables.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.demo.county import County
from deploy.demo.layout import Folders, FolderTaken
from deploy.demo.parts import PartFailed
from deploy.demo.places import VILLAGES
from deploy.demo.story import REHEARSED
from tests.story.audit import Findings, audit
from tests.story.unrest import Unrest

DRAIN_S: Final = 90.0
QUIET_S: Final = 4.0
console = Console(highlight=False, width=None if sys.stdout.isatty() else 132)


@dataclass(slots=True)
class Kill:
    """One kill -9: whom, when in the story, how long it was away."""

    victim: str
    at_s: float
    away_s: float


@dataclass(slots=True)
class Result:
    """What was done and what the audit found."""

    kills: list[Kill] = field(default_factory=list)
    drained_after_s: float = 0.0
    findings: Findings = field(default_factory=Findings)


class NotDrained(RuntimeError):
    """The county did not come to rest in time; the text says who is behind."""


def outboxes(folders: Folders) -> dict[str, Path]:
    """The raw file of each box."""
    return {village.box: folders.outbox(village) for village in VILLAGES}


def centre_file(folders: Folders) -> Path:
    return folders.centre / "data" / "controller.db"


def desk_file(folders: Folders) -> Path:
    return folders.desk / "case-system.db"


def ordeal(county: County, *, rng: random.Random, times: int, gap_s: tuple[float, float]) -> Result:
    """Play, kill, restart, calm, drain, stop, audit. ``county`` is up; afterwards it is down.

    Call it on the thread that started the county. Raises NotDrained, PartFailed.
    """
    result = Result()
    unrest = Unrest(county, rng)
    began_s = time.monotonic()
    unrest.start()
    try:
        for victim in _victims(rng, times):
            time.sleep(rng.uniform(*gap_s))
            result.kills.append(_kill(county, victim, rng, began_s))
    finally:
        unrest.calm()
    for part in county.parts.values():
        part.wait_ready(60)
    calm_s = time.monotonic()
    at_least = _drain(county)
    result.drained_after_s = time.monotonic() - calm_s
    stubborn = county.stop()
    result.findings = audit(
        outboxes=outboxes(county.folders),
        centre=centre_file(county.folders),
        desk=desk_file(county.folders),
        at_least=at_least,
    )
    for name in stubborn:
        result.findings.blame("stop", name, "ignored SIGTERM")
    return result


def _victims(rng: random.Random, times: int) -> list[str]:
    """Controller, broker and a random box, each so many times, in random order."""
    boxes = [rng.choice(VILLAGES).box for _ in range(times)]
    victims = [*["controller"] * times, *["broker"] * times, *boxes]
    rng.shuffle(victims)
    return victims


def _kill(county: County, victim: str, rng: random.Random, began_s: float) -> Kill:
    part = county.parts[victim]
    kill = Kill(victim, time.monotonic() - began_s, rng.uniform(0.0, 2.5))
    part.kill()
    time.sleep(kill.away_s)
    part.start()
    return kill


# --- draining ----------------------------------------------------------------------------------------


def _drain(county: County) -> dict[str, int]:
    """Wait until all devices are well, all logs applied and the case system has all; returns what each box
    had written by the time it was calm."""
    county.wait_devices(within_s=DRAIN_S)
    written = {name: _one(path, "SELECT value FROM meta WHERE key = 'next_sequence'") - 1
               for name, path in outboxes(county.folders).items()}  # fmt: skip
    deadline, quiet_since, before = time.monotonic() + DRAIN_S, time.monotonic(), -1
    while time.monotonic() < deadline:
        behind, feed = (
            _behind(county, written),
            _one(centre_file(county.folders), "SELECT count(*) FROM feed"),
        )
        if behind or feed != before:
            before, quiet_since = feed, time.monotonic()
        elif time.monotonic() - quiet_since >= QUIET_S:
            return written
        time.sleep(0.2)
    raise NotDrained("; ".join(_behind(county, written)) or "the feed does not come to rest")


def _behind(county: County, written: dict[str, int]) -> list[str]:
    centre = centre_file(county.folders)
    lines = []
    for box, last in written.items():
        upto = _one(centre, "SELECT coalesce(max(upto), 0) FROM position WHERE box_id = ?", box)
        if upto < last:
            lines.append(f"{box}: {upto} of {last} applied")
    told = _one(centre, "SELECT count(*) FROM feed WHERE type LIKE 'outpost.incident.%'")
    arrived = _one(desk_file(county.folders), "SELECT count(*) FROM received")
    if arrived < told:
        lines.append(f"case system: {arrived} of {told} arrived")
    return lines


def _one(path: Path, query: str, *values: object) -> int:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        return int(db.execute(query, values).fetchone()[0])


# --- the command -------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0 proved, 1 a law was broken, 2 could not start."""
    parser = argparse.ArgumentParser(prog="tests.story.kill")
    parser.add_argument("--seed", type=int, default=None, help="plays the same kills again")
    parser.add_argument("--times", type=int, default=3, help="kills of each: controller, broker, boxes")
    parser.add_argument("--data", type=Path, default=Path("demo-data"))
    parser.add_argument("--clips", type=Path)
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console.print(f"种子 / seed {seed}")
    try:
        with County(options.data, clips=options.clips, tell=console.print, rehearse=REHEARSED) as county:
            result = ordeal(county, rng=random.Random(seed), times=options.times, gap_s=(1.5, 5.0))
    except (PartFailed, FolderTaken, NotDrained) as error:
        console.print(f"[bold red]✗[/] {error}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130
    _show(result, seed)
    return 1 if result.findings.violations else 0


def _show(result: Result, seed: int) -> None:
    table = Table(title="kill -9", title_justify="left")
    for head in ("#", "t", "进程 / process", "停 / away"):
        table.add_column(head, justify="left" if "/ p" in head else "right")
    for number, kill in enumerate(result.kills, 1):
        table.add_row(str(number), f"{kill.at_s:.1f} s", kill.victim, f"{kill.away_s:.1f} s")
    console.print(table)
    counts = Table(title="核对 / audit of the raw tables", title_justify="left", show_header=False)
    for name, count in result.findings.counts.items():
        counts.add_row(name, str(count))
    counts.add_row("drained after calm", f"{result.drained_after_s:.1f} s")
    console.print(counts)
    if result.findings.violations:
        console.print(f"[bold red]✗ 不成立 / broken (seed {seed}):[/]")
        for line in result.findings.violations:
            console.print(f"  {line}", soft_wrap=True)
        return
    written = result.findings.counts["entries written"]
    console.print(
        f"[bold green]✓ 无丢失，无重复，次序不乱 / nothing lost, nothing twice, all in order[/] "
        f"({written} entries, {len(result.kills)} kills, seed {seed})"
    )


if __name__ == "__main__":
    sys.exit(main())
