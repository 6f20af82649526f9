"""Command ``watch``: a recording before the box's own eyes, what would have been told of it, and why.

Law: nothing leaves but into the files named; with ``--json`` one document, however it ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from agent.app import read_object_model
from agent.cli.desk import WrongArguments
from agent.cli.paper import Paper
from agent.errors import ConfigError
from agent.hours import zone_named
from agent.model import FEWER_FRAMES, FULL_ALLOWANCE, KEYS_ONLY, Allowance
from agent.tuning import plot
from agent.tuning.film import Film, FilmError, look_at
from agent.tuning.page import page
from agent.tuning.rehearsal import Decision, Outcome, Rehearsal
from agent.tuning.trial_values import thresholds_of
from agent.tuning.wording import (
    at,
    both,
    decision_value,
    event_line,
    event_value,
    explained,
    summary,
    summary_value,
)
from agent.tuning.zone_file import Setting, read_setting
from protocol.words import DeviceClass
from runtime.files import write_atomic

EXIT_OK, EXIT_TROUBLE = 0, 1
MOST_DECISIONS: Final = 20_000
"""In one JSON document: an hour with something there at all times."""
PROGRESS_S: Final = 2.0
_ALLOWANCES: Final[Mapping[str, Allowance]] = {"fewer": FEWER_FRAMES, "keys": KEYS_ONLY}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch``."""
    watch = commands.add_parser(
        "watch", help="回放录像，看会报什么、为什么 / replay a recording, see what fires"
    )
    watch.set_defaults(by_hand=watch_film)
    watch.add_argument("file", type=Path, metavar="FILE", help="录像文件 / the recording, H.264 or H.265")
    watch.add_argument(
        "--zones", type=Path, metavar="FILE", help="区域文件或边缘盒配置 / [[zone]] tables, or box.toml"
    )
    watch.add_argument("--device", metavar="ID", help="配置中的设备 / which device of box.toml")
    watch.add_argument("--explain", action="store_true", help="逐项说明 / tell every decision and its reason")
    watch.add_argument("--plot", type=Path, metavar="OUT.png", help="时间线图 / the timeline as a picture")
    watch.add_argument("--page", type=Path, metavar="OUT.html", help="调试页面 / a page to tune zones in")
    watch.add_argument("--json", action="store_true", help="输出 JSON / one JSON document")
    watch.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="试用阈值 / e.g. motion_hold_s=3, zone.gate.sensitivity=70, background.floor_levels=10",
    )
    watch.add_argument(
        "--begins",
        metavar="TIME",
        help="录像开始的当地时间，用于布防时段 / local time of its first picture, for schedules: "
        "2026-11-25T20:00",
    )
    watch.add_argument(
        "--class",
        dest="device_class",
        choices=[str(one) for one in DeviceClass if one is not DeviceClass.CONFERENCE_ENDPOINT],
        help="设备类别 / ptz_dome and lookout turn by themselves; default smart_camera",
    )
    watch.add_argument(
        "--shed",
        choices=list(_ALLOWANCES),
        help="如同盒子过载 / as when the box is too busy: fewer pictures, or key frames alone",
    )


def watch_film(options: argparse.Namespace) -> int:
    """Carry the command out. Raises ConfigError."""
    paper = Paper(as_json=options.json)
    try:
        return _Showing(paper, options).run()
    except FilmError as error:
        paper.line(error.detail)
        paper.document({"kind": error.trouble, "detail": error.detail})
        return EXIT_TROUBLE
    except BrokenPipeError:  # whoever read has seen enough; what Python writes at its end must go somewhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return EXIT_TROUBLE


class _Showing:
    """One run of the command."""

    def __init__(self, paper: Paper, options: argparse.Namespace) -> None:
        self._paper = paper
        self._options = options
        if options.device is not None and options.zones is None:
            raise WrongArguments(
                "--device", ["请用 --zones 给出边缘盒配置 / name the box's configuration with --zones"]
            )
        for name, path in (("--plot", options.plot), ("--page", options.page)):
            if path is not None:
                _may_be_written(name, path, options)
        self._setting = _setting(options)
        try:
            self._thresholds = thresholds_of(self._setting, options.set)
        except ConfigError as error:
            raise WrongArguments(error.where, error.problems) from error
        self._zone = zone_named(self._setting.time_zone)
        self._begins = _begins(options.begins, self._zone)
        self._objects = read_object_model(self._setting.objects)
        self._decisions: list[Mapping[str, object]] = []
        self._decisions_omitted = 0
        self._told_s = time.monotonic()

    def run(self) -> int:
        """Watch, tell, write what was asked for; the exit status."""
        options = self._options
        film = look_at(options.file)
        rehearsal = Rehearsal(
            film,
            self._thresholds,
            device_class=self._setting.device_class,
            begins=self._begins,
            zone=self._zone,
            location=self._setting.location,
            allowance=_ALLOWANCES.get(options.shed, FULL_ALLOWANCE),
            objects=self._objects,
            pictures=options.page is not None,
        )
        for line in self._beforehand():
            self._paper.line(line)
        self._follow(film, rehearsal)
        outcome = rehearsal.outcome
        for event in outcome.events:
            self._say(event_line(event))
        if not outcome.events:
            self._say(both("没有事件", "no events"))
        for chinese, english in summary(film, outcome, self._thresholds):
            self._say(both(chinese, english))
        written = self._written(film, rehearsal)
        self._paper.document(self._document(film, outcome, written))
        return EXIT_TROUBLE if outcome.damaged or outcome.stopped else EXIT_OK

    def _follow(self, film: Film, rehearsal: Rehearsal) -> None:
        with closing(rehearsal.decisions()) as decisions:
            try:
                for decision in decisions:
                    self._take(decision)
                    self._progress(film, decision.at_s)
            except KeyboardInterrupt:
                rehearsal.outcome.stopped = True

    def _take(self, decision: Decision) -> None:
        if not self._options.explain:
            return
        self._say(explained(decision))
        if not self._paper.as_json:
            return
        if len(self._decisions) < MOST_DECISIONS:
            self._decisions.append(decision_value(decision))
        else:
            self._decisions_omitted += 1

    def _progress(self, film: Film, at_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < PROGRESS_S:
            return
        self._told_s = now_s
        share = f" {at_s / film.duration_s:.0%}" if film.duration_s else ""
        end = "\r" if sys.stderr.isatty() else "\n"
        told = both(f"已看到 {at(at_s)}{share}", f"seen as far as {at(at_s)}{share}")
        sys.stderr.write(f"{told}{end}")
        sys.stderr.flush()

    def _say(self, line: str) -> None:
        """To people; a script has it all in its document."""
        if not self._paper.as_json:
            self._paper.line(line)

    def _beforehand(self) -> Iterator[str]:
        if self._options.explain:
            yield both(
                "时间 · 码流超出常态（σ） · 为何解码：看到什么，或为何没有",
                "time, packets over the usual (σ), why it was decoded: what was found, or why not",
            )
        zones = self._thresholds.zones
        if any(zone.schedule for zone in zones) and self._begins is None:
            yield both(
                "有布防时段，但没有 --begins：按始终布防看",
                "zones have schedules and --begins is missing: they count at all times",
            )
        allowance = _ALLOWANCES.get(self._options.shed, FULL_ALLOWANCE)
        if not allowance.runs:
            yield both("如同过载：只判断关键帧", "as when too busy: key frames alone are judged")
        elif allowance is not FULL_ALLOWANCE:
            yield both(
                f"如同过载：每秒最多判断 {allowance.max_fps:g} 帧",
                f"as when too busy: {allowance.max_fps:g} pictures judged a second at most",
            )

    def _written(self, film: Film, rehearsal: Rehearsal) -> Mapping[str, Path]:
        options, outcome, timeline = self._options, rehearsal.outcome, rehearsal.timeline
        written: dict[str, Path] = {}
        if options.plot is not None:
            picture = plot.draw(film, outcome, timeline, self._thresholds)
            _write("--plot", options.plot, plot.png(picture))
            written["plot"] = options.plot
            for label, zone in plot.legend([zone.name for zone in self._thresholds.zones]):
                self._say(both(f"图中 {label} 是 {zone}", f"{label} in the picture is {zone}"))
        if options.page is not None:
            made = page(film, outcome, timeline, self._thresholds)
            _write("--page", options.page, made.encode())
            written["page"] = options.page
        for path in written.values():
            self._say(both(f"已写入 {path}", f"written: {path}"))
        if options.page is not None:
            self._say(
                both(
                    "页面含有画面，请按录像保管", "the page holds pictures: keep it as you keep the recording"
                )
            )
        return written

    def _document(self, film: Film, outcome: Outcome, written: Mapping[str, Path]) -> Mapping[str, object]:
        document: dict[str, object] = {
            "file": str(film.path),
            "codec": film.codec,
            "width": film.width,
            "height": film.height,
            "fps": round(film.fps, 3),
            "zones": [zone.name for zone in self._thresholds.zones],
            "tried_out": [*self._thresholds.configured, *self._thresholds.trial_only],
            "schedules_hold": self._begins is not None,
            "events": [event_value(event) for event in outcome.events],
            "summary": summary_value(outcome),
            "written": written,
        }
        if self._options.explain:
            document["decisions"] = self._decisions
            document["decisions_omitted"] = self._decisions_omitted
        return document


def _setting(options: argparse.Namespace) -> Setting:
    setting = Setting() if options.zones is None else read_setting(options.zones, device=options.device)
    if options.device_class is None:
        return setting
    return replace(setting, device_class=DeviceClass(options.device_class))


def _begins(text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
        told = told if told.tzinfo is not None else told.replace(tzinfo=zone)
        if not 1980 <= told.year <= 2100:
            raise ValueError(text)
    except ValueError as error:
        raise WrongArguments(
            "--begins", [f"应如 2026-11-25T20:00 / {text[:40]!r} is no time; write it as 2026-11-25T20:00"]
        ) from error
    return told


def _may_be_written(name: str, path: Path, options: argparse.Namespace) -> None:
    """Said before an hour of recording was looked at, not after. Raises ConfigError."""
    problem = ""
    others = [options.file, options.zones, options.plot if name == "--page" else None]
    if any(other is not None and _same(path, other) for other in others):
        problem = (
            "会覆盖另一个文件，请换名 / it would overwrite another file of this command; use another name"
        )
    elif path.is_dir():
        problem = "这是文件夹，请给文件名 / this is a folder; name a file in it"
    elif path.exists() and not path.is_file():
        problem = "这不是普通文件，请换名 / this is no regular file; use another name"
    elif not path.parent.is_dir():
        problem = "文件夹不存在，请先建立 / its folder does not exist; make it first"
    if problem:
        raise WrongArguments(f"{name} {path}", [problem])


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _write(name: str, path: Path, data: bytes) -> None:
    try:
        write_atomic(path, data, mode=0o600)
    except OSError as error:
        raise WrongArguments(
            f"{name} {path}",
            [f"写不进去，请检查权限和空间 / cannot be written; check rights and space: {error.strerror}"],
        ) from error
