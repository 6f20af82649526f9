"""One run of the bench of sight: scenes, then cost and scores beside the live subjects, then latency."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench.sight import frigate, latency
from bench.sight.crew import ANALYSIS, Member, crew
from bench.sight.latency import Latency
from bench.sight.live import Motion, OursLive, cameras, empty_mib, motion_version, scratch
from bench.sight.report import LARGE, SMALL, Figures, lines, targets
from bench.sight.scenes import BIG_S, SECONDS, Tape, arrivals, real_tape, tapes, wanted
from bench.sight.scoring import Score

ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Length:
    """How much of everything, in seconds of stream."""

    scene_s: float
    live_s: float
    latency_s: float


QUICK: Final = Length(SECONDS, 170.0, latency.SECONDS)
LONG: Final = Length(1800.0, 900.0, 400.0)


def main(length: Length = QUICK, *, kind: str = "judging") -> int:
    """Measure, print, and return the exit status: 1 when a target is missed."""
    scenes = tapes(wanted(kind, seconds=length.scene_s))
    small = [tape for tape in scenes if tape.truth.seconds > BIG_S]
    large = [tape for tape in scenes if tape.truth.seconds <= BIG_S]
    coming = tapes(arrivals(cameras=latency.CAMERAS, seconds=length.latency_s))
    real = real_tape()
    began_s = time.monotonic()
    print(_about([*small, *large]), flush=True)
    with crew() as members:
        for member in members:
            member.weigh(small[0])
        with _live(small, length.live_s) as live:
            _rounds(members, {SMALL: [small[0], small[3]], LARGE: large[:1]})
            _rest(members, [*small[1:3], *small[4:], *([real] if real else [])])
        tallies = {member.row: member.tally for member in members}
    _say("cost and scores", began_s)
    quick, slow = _latencies(coming, length.latency_s)
    figures = Figures(tallies, live[0], live[1], quick, slow)
    print("\n".join(lines(figures)))
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"all in {time.monotonic() - began_s:.0f} s, the making of scenes apart; load {load}")
    return 0 if all(target.met for target in targets(figures)) else 1


def _about(scenes: Sequence[Tape]) -> str:
    """What is looked at, and which peers are there."""
    visits = [visit for tape in scenes for visit in tape.truth.visits]
    seconds = sum(tape.truth.seconds for tape in scenes)
    duty = sum(visit.to_s - visit.from_s for visit in visits) / seconds
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    if os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
        load += ": NOISY, others work here; live figures and latency are theirs too"
    motion = motion_version()
    return (
        f"{len(scenes)} scenes, {seconds / 3600:.2f} h, somebody in view {duty:.1%} of it; load {load}\n"
        f"Motion: {motion or 'not installed'}; Frigate's shape with {_detector()}; "
        f"footage {'there' if real_tape() else 'not there: rendered places'}\n"
        "the box's debouncer decides what is fired for all but Motion; key frames alone fire at the first"
    )


def _detector() -> str:
    reason = frigate.why_not()
    return f"a plain detector of that kind ({reason})" if reason else "its own detector"


def _rounds(members: Sequence[Member], by_form: Mapping[str, Sequence[Tape]]) -> None:
    """Cost: all subjects in turn on the same tapes, again and again, one at a time."""
    for number in range(ROUNDS):
        for form, some in by_form.items():
            for member in members:
                if member.row is ANALYSIS and form == LARGE:
                    continue  # it is the same small stream whatever the camera's other ones are
                told = [member.play(tape) for tape in some]
                member.tally.rounds.setdefault(form, []).append(sum(ms for ms, _ in told) / len(told))
                if number == 0:
                    for tape, (_, score) in zip(some, told, strict=True):
                        _note(member, "720p" if form == LARGE else tape.light, score)
        _say(f"round {number + 1} of {ROUNDS}", None)


def _rest(members: Sequence[Member], rest: Sequence[Tape]) -> None:
    """Scores on everything else; two subjects at a time, as CPU is not looked at any more."""

    def play(member: Member) -> None:
        for tape in rest:
            _note(member, tape.light, member.play(tape)[1])
        _say(f"{member.row.label} has seen everything", None)

    slow_first = sorted(members, key=lambda member: -member.tally.cpu_ms(SMALL))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as lanes:
        list(lanes.map(play, slow_first))


def _note(member: Member, light: str, score: Score) -> None:
    scores = member.tally.scores
    scores[light] = scores.get(light, Score()) + score


@contextmanager
def _live(watched: Sequence[Tape], lasts_s: float) -> Iterator[list[Any]]:
    """Motion and ours over RTSP meanwhile; at the end the list holds ours, and Motion's or None."""
    result: list[Any] = []
    idle_mib = empty_mib()
    with cameras(watched) as shown, scratch() as folder:
        ours = OursLive(shown)
        motion = Motion(shown, folder) if motion_version() else None
        ends_s = time.monotonic() + lasts_s - (time.time() - min(camera.began for camera in shown))
        yield result
        time.sleep(max(0.0, ends_s - time.monotonic()))
        seen_s = lasts_s
        result.append(ours.finish(until_s=seen_s, empty_mib=idle_mib))
        result.append(motion and motion.finish(until_s=seen_s, empty_mib=0.0))


def _latencies(coming: Sequence[Tape], lasts_s: float) -> tuple[Latency, Latency]:
    """On analysis streams and on the cameras' own, two boxes at once."""

    def one(analysis: bool) -> Latency:
        with cameras(coming, analysis=analysis) as shown:
            return latency.measure(shown, until_s=lasts_s - 1.0)

    with ThreadPoolExecutor(max_workers=2) as lanes:
        quick, slow = lanes.map(one, (True, False))
    return quick, slow


def _say(what: str, began_s: float | None) -> None:
    after = "" if began_s is None else f", {time.monotonic() - began_s:.0f} s so far"
    print(f"  {what}{after}", file=sys.stderr, flush=True)
