"""The tables of the bench of sight, and which of its targets were missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.sight.crew import ANALYSIS, DEMUX, FIVE, FRIGATE, KEYS, MOG2, OURS, Row, Tally
from bench.sight.latency import Latency
from bench.sight.live import Watched
from bench.sight.scoring import Score

SMALL, LARGE = "360p15", "720p15"
NOT_QUIET: Final = ("wind", "real", "720p")
"""Where the target of false events does not apply: it is about day, dusk, night, rain, headlights."""
_MISSING = "not measured"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of the bench came to. ``motion`` is None where it is not installed."""

    tallies: Mapping[Row, Tally]
    ours_live: Watched
    motion: Watched | None
    quick_keys: Latency
    slow_keys: Latency


@dataclass(frozen=True, slots=True)
class Target:
    """One target: what was found, what is allowed. ``found`` None: it could not be measured."""

    name: str
    found: float | None
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.found is None:
            return True
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def __str__(self) -> str:
        if self.found is None:
            return f"  -     {self.name}: {_MISSING}"
        sign = "at least" if self.at_least else "at most"
        return f"  {'pass ' if self.met else 'MISS '} {self.name}: {self.found:.3g}, {sign} {self.bound:.3g}"


def targets(figures: Figures) -> list[Target]:
    """All targets of one run."""
    tallies, live, motion = figures.tallies, figures.ours_live, figures.motion
    ours, analysis, all_ = tallies[OURS], tallies[ANALYSIS], tallies[FIVE]
    quiet, analysis_quiet = _quiet(ours), _quiet(analysis)
    to_motion = None if motion is None else live.cpu_ms / motion.cpu_ms
    found = [Target("CPU against Motion, both over RTSP", to_motion, 0.1)]
    for form in (SMALL, LARGE):
        mine = ours.cpu_ms(form)
        found += (
            Target(f"CPU against Frigate's shape, {form}", mine / tallies[FRIGATE].cpu_ms(form), 0.1),
            Target(f"CPU against full decode + MOG2, {form}", mine / tallies[MOG2].cpu_ms(form), 0.1),
            Target(f"CPU against demux only, {form}", mine / tallies[DEMUX].cpu_ms(form), 15.0),
        )
    return [
        *found,
        Target("ordinary events found, share", ours.total.recall, 0.98, at_least=True),
        Target("ordinary events found, full decode's", ours.total.recall, all_.total.recall, at_least=True),
        Target("the same on the analysis stream, share", analysis.total.recall, 0.98, at_least=True),
        Target("fast movers on the analysis stream, share", analysis.total.fast_recall, 0.95, at_least=True),
        Target("fast movers, as many as key frames find", _fast(ours), _fast(tallies[KEYS]), at_least=True),
        Target("precision in wind", ours.scores["wind"].precision, 0.9, at_least=True),
        Target("the same on the analysis stream", analysis.scores["wind"].precision, 0.9, at_least=True),
        Target(f"false events per quiet hour, {quiet.judged_s / 3600:.2f} h", quiet.false_per_h, 0.1),
        Target("the same on the analysis stream", analysis_quiet.false_per_h, 0.1),
        Target("MiB of one more stream", ours.further_mib, 8.0),
        Target("MiB of one stream over RTSP", live.mib, 8.0),
        Target("s from entering to outbox, p95, analysis stream", figures.quick_keys.at(0.95), 1.5),
    ]


def lines(figures: Figures) -> list[str]:
    """The whole report."""
    return [
        *_cost(figures),
        "",
        *_seen(figures),
        "",
        *_late(figures),
        "",
        "targets",
        *map(str, targets(figures)),
    ]


def _quiet(tally: Tally) -> Score:
    return sum((one for light, one in tally.scores.items() if light not in NOT_QUIET), Score())


def _fast(tally: Tally) -> float:
    """Fast movers found: a count, as both looked at the same ones."""
    return float(tally.total.fast_found)


def _cost(figures: Figures) -> list[str]:
    tallies, motion, live = figures.tallies, figures.motion, figures.ours_live
    told = [
        "CPU: ms per second of stream (10 ms/s = 1 % of a core), median and all rounds; s per stream hour;"
        " ours against it; MiB of the first stream and of each further one"
    ]
    for form in (SMALL, LARGE):
        told.append(
            f"  {form:30} {'ms/s':>7} {'s/h':>7} {'x demux':>8} {'ours/it':>8} {'MiB':>7} {'more':>6}"
        )
        least, mine = tallies[DEMUX].cpu_ms(form), tallies[OURS].cpu_ms(form)
        for row, tally in tallies.items():
            if form not in tally.rounds:
                continue
            spent = tally.cpu_ms(form)
            every = " ".join(f"{value:.2f}" for value in tally.rounds[form])
            memory = f"{tally.first_mib:7.1f} {tally.further_mib:6.1f}" if form == SMALL else " " * 14
            told.append(
                f"  {row.label:30} {spent:7.2f} {spent * 3.6:7.1f} {spent / least:8.1f}"
                f" {mine / spent:8.3f} {memory}  [{every}]"
            )
    told.append(
        "  over RTSP, real time, 360p15, all lights at once, mean of the whole watch; MiB of one stream"
    )
    told.append(f"  {'ours':30} {live.cpu_ms:7.2f} {live.cpu_ms * 3.6:7.1f} {'':8} {'':8} {live.mib:7.1f}")
    if motion is None:
        told.append(f"  {'Motion':30} {'not installed':>15}; `make bench-sight` installs it as root")
    else:
        told.append(
            f"  {'Motion':30} {motion.cpu_ms:7.2f} {motion.cpu_ms * 3.6:7.1f} {'':8}"
            f" {live.cpu_ms / motion.cpu_ms:8.3f} {motion.mib:7.1f}"
        )
    return told


def _seen(figures: Figures) -> list[str]:
    by_name = {row.label: tally.scores for row, tally in figures.tallies.items() if row is not DEMUX}
    by_name["ours, over RTSP, first part"] = figures.ours_live.scores
    if figures.motion is not None:
        by_name["Motion, over RTSP, first part"] = figures.motion.scores
    lights = list(figures.tallies[OURS].scores)
    measures: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("ordinary events found within 2 s or while they last", lambda s: f"{s.ordinary_found}/{s.ordinary}"),
        ("fast movers (< 2 s) found within 2 s", lambda s: f"{s.fast_found}/{s.fast}"),
        ("precision: share of the seconds fired", lambda s: f"{s.precision:.2f}" if s.fired_s else "-"),
        (
            "false events per camera hour (of them at a change of the light)",
            lambda s: f"{s.false_per_h:.0f}" + (f" ({s.light_runs})" if s.light_runs else ""),
        ),
    )
    told = []
    for title, figure in measures:
        told.append(f"{title}\n  {'':30}" + "".join(f"{light:>11}" for light in (*lights, "all")))
        for name, scores in by_name.items():
            whole = sum(scores.values(), Score())
            cells = [figure(scores[light]) if light in scores else "" for light in lights]
            told.append(f"  {name:30}" + "".join(f"{cell:>11}" for cell in (*cells, figure(whole))))
    return told


def _late(figures: Figures) -> list[str]:
    told = ["seconds from entering to the event in the outbox, a whole box on live streams"]
    for name, one in (
        ("analysis stream, 8 fps, GOP 1 s", figures.quick_keys),
        ("15 fps, GOP 2 s", figures.slow_keys),
    ):
        values = " ".join(f"{value:.2f}" for value in one.found_s)
        told.append(
            f"  {name:34} p50 {one.at(0.5):.2f}  p95 {one.at(0.95):.2f}"
            f"  of {len(one.found_s) + one.missed} visits, {one.missed} not found  [{values}]"
        )
    return told
