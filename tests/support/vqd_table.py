"""Is every picture fault named, and nothing else? Prints what was put in against what was named.

``python -m tests.support.vqd_table``: every fault in every strength on every scene, then every kind of
weather and light that is no fault; simulated time, confirmation times as a box has them. Exits 1 when a fault
got no name, a wrong one, or its own later than confirmation time and 70 s, or when anything healthy got one.
Every core plays a part of it.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import cv2

from agent.detect.confirm import DEFAULT_CONFIRM_S
from simulator.video.blemish import BLEMISHES, Planes, warped
from tests.support.footage import folder
from tests.support.vqd_stage import (
    FAULTS,
    SHOTS,
    Base,
    Run,
    Shot,
    Stretch,
    blended,
    broken,
    real,
    scene,
    shots,
    under,
)

SCENES: Final = (
    "street-day", "street-dusk", "street-night", "gate-day", "gate-dusk", "gate-night", "road-day",
    "trees-wind", "meeting-room", "entrance-hall", "lookout-day",
)  # fmt: skip
CLIPS: Final = ("one-by-one-person.mp4", "campus-walk.avi", "motorway.avi")
STRENGTHS: Final = (0.0, 0.5, 1.0)
WARM_S: Final = 120.0
LATE_S: Final = 70.0
"""What suspecting takes before confirming begins: six looks of ten seconds to see that a picture shakes."""
NONE: Final = "-"
LIMITS_OF: Final = ("street-day", "street-night")
_BELOW: Final = (0.0, -0.1, -0.2, -0.3, -0.4, -0.5)
_LIGHT_PARTS: Final = 5
UNTOLD: Final = {"colour_cast": (False,), "grey": (False, None)}
"""Told while the sun is up only: by night the lamps colour everything, and grey is night mode."""


@dataclass(frozen=True)
class Case:
    """One picture history, and what should be said of it."""

    about: str
    fault: str
    """A name of FAULTS, or NONE."""
    play: Callable[[], Run]
    told: bool = True
    """False: not told, by rule; anything named is wrong then, too."""


@dataclass(frozen=True)
class Result:
    """What was said of a case."""

    about: str
    fault: str
    told: bool
    named: tuple[str, ...]
    after_s: float | None
    why: str

    @property
    def right(self) -> bool:
        """The right name alone and in time; or none where there is none to say."""
        if self.fault == NONE or not self.told:
            return not self.named
        limit = DEFAULT_CONFIRM_S[FAULTS[self.fault]] + LATE_S
        return self.named == (self.fault,) and self.after_s is not None and self.after_s <= limit

    def __str__(self) -> str:
        after = "" if self.after_s is None else f" after {self.after_s:.0f} s"
        return f"{self.about}: {', '.join(self.named) or NONE}{after} [{self.why[:200]}]"


def told(case: Case) -> Result:
    """Play one case."""
    run = case.play()
    names = {fault: name for name, fault in FAULTS.items()}
    first = run.named[0][0] - WARM_S if run.named else None
    why = "; ".join(f"{names[fault]} {reason}" for fault, reason in run.suspected.items())
    named = tuple(dict.fromkeys(names[fault] for _, fault in run.named))
    return Result(case.about, case.fault, case.told, named, first, why)


def injected(base: Base, fault: str, strength: float, kind: int = 0) -> Case:
    """A fault that comes to a healthy picture and stays."""

    def play() -> Run:
        lasts = DEFAULT_CONFIRM_S[FAULTS[fault]] + LATE_S
        before = Stretch(shots(base), WARM_S, base.daylight)
        return Run().play([before, Stretch(broken(base, fault, strength, kind), lasts, base.daylight)])

    by_rule = base.daylight in UNTOLD.get(fault, ())
    return Case(f"{base.name} {fault} kind {kind} strength {strength:g}", fault, play, told=not by_rule)


def faults(base: Base, strengths: Sequence[float] = STRENGTHS) -> Iterator[Case]:
    """Every fault on one scene."""
    for fault in FAULTS:
        kinds = 1 if fault == "frozen" else BLEMISHES[fault].kinds
        for kind in range(kinds):
            for strength in (1.0,) if fault in ("frozen", "grey") else strengths:
                yield injected(base, fault, strength, kind)


def weathers(base: Base, *, lasts_s: float = 3900.0) -> Iterator[Case]:
    """Air and light over one scene by day."""

    def over(name: str, stretches: Callable[[], list[Stretch]], *, fixed_view: bool = True) -> Case:
        return Case(f"{base.name} {name}", NONE, lambda: Run(fixed_view=fixed_view).play(stretches()))

    day = base.daylight

    def comes(weather: str) -> list[Stretch]:
        growing = [shot for n in range(1, 20) for shot in under(base, weather, n / 20, count=4)]
        return [
            Stretch(shots(base), WARM_S, day),
            Stretch(growing, 1200, day, spread=True),
            Stretch(under(base, weather), lasts_s, day),
        ]

    def at_once(weather: str) -> list[Stretch]:
        return [Stretch(shots(base), WARM_S, day), Stretch(under(base, weather), lasts_s, day)]

    def infrared(*, switched: bool) -> list[Stretch]:
        night = Stretch(under(base, "infrared", noise=8.0), lasts_s, False)
        return (
            [Stretch(shots(base), WARM_S, None), night, Stretch(shots(base), 600, True)]
            if switched
            else [night]
        )

    def lorry() -> list[Stretch]:
        healthy = shots(base)
        return [
            Stretch(healthy, WARM_S, day),
            Stretch(under(base, "lorry"), 480, day),
            Stretch(healthy, 300, day),
        ]

    yield over("healthy", lambda: [Stretch(shots(base), lasts_s, day)])
    for weather in ("fog", "dense_fog", "snowfall", "low_sun"):
        yield over(f"{weather} comes", partial(comes, weather))
    for weather in ("rain", "headlights"):
        yield over(f"{weather} at once", partial(at_once, weather))
    yield over("a lorry for 8 minutes", lorry)
    yield over("infrared night from the start", partial(infrared, switched=False))
    yield over("infrared night, and morning", partial(infrared, switched=True))


def nights(base: Base, *, lasts_s: float = 3900.0) -> Iterator[Case]:
    """Air over one scene by night: under lamps, or in infrared where the scene is one by day."""
    by_lamps = base.daylight is False
    noise = None if by_lamps else 8.0

    def dry() -> list[Shot]:
        return shots(base) if by_lamps else under(base, "infrared", noise=noise)

    def wet(weather: str, share: float = 1.0, count: int = SHOTS) -> list[Shot]:
        return under(base, weather, share, noise=noise, count=count, infrared=not by_lamps)

    def comes(weather: str) -> Run:
        growing = [shot for n in range(1, 20) for shot in wet(weather, n / 20, 4)]
        return Run().play(
            [
                Stretch(dry(), WARM_S, False),
                Stretch(growing, 1200, False, spread=True),
                Stretch(wet(weather), lasts_s, False),
            ]
        )

    def at_once(weather: str) -> Run:
        return Run().play([Stretch(dry(), WARM_S, False), Stretch(wet(weather), lasts_s, False)])

    light = "night" if by_lamps else "infrared"
    for weather in ("fog", "dense_fog", "snowfall"):
        yield Case(f"{base.name} {light}, {weather} comes", NONE, partial(comes, weather))
    for weather in ("rain", "headlights"):
        yield Case(f"{base.name} {light}, {weather} at once", NONE, partial(at_once, weather))


def lights() -> Iterator[Case]:
    """Evenings, mornings, lamps, heads that turn, and pictures quieter than a frozen one may be."""

    def over(name: str, stretches: Callable[[], list[Stretch]], *, fixed_view: bool = True) -> Case:
        return Case(name, NONE, lambda: Run(fixed_view=fixed_view).play(stretches()))

    def evening(*, back: bool) -> list[Stretch]:
        hours: list[tuple[Base, bool | None]] = [
            (scene("gate-day"), True), (scene("gate-dusk"), None), (scene("gate-night"), False),
        ]  # fmt: skip
        first, middle, last = hours[::-1] if back else hours
        return [
            Stretch(shots(first[0]), 300, first[1]),
            Stretch(blended(first[0], middle[0], 60), 1800, None, spread=True),
            Stretch(blended(middle[0], last[0], 60), 1800, None, spread=True),
            Stretch(shots(last[0]), 3900, last[1]),
        ]

    def jump(first: str, last: str, daylight: bool | None) -> list[Stretch]:
        return [Stretch(shots(scene(first)), 300, None), Stretch(shots(scene(last)), 3900, daylight)]

    yield over("gate: day, dusk, night", partial(evening, back=False))
    yield over("gate: night, dusk, day", partial(evening, back=True))
    for place in ("gate", "street"):
        yield over(f"{place}: lamps go on at once", partial(jump, f"{place}-dusk", f"{place}-night", False))
        yield over(f"{place}: from dusk to day at once", partial(jump, f"{place}-dusk", f"{place}-day", True))
    for name in ("headlights-night", "trees-wind", "street-night"):
        base = scene(name)
        yield over(name, lambda base=base: [Stretch(shots(base), 3900, base.daylight)])  # type: ignore[misc]
    for name, noise in (("gate-night", 0.0), ("gate-night", 0.8), ("gate-day", 0.6)):
        quiet = scene(name, clock=False)
        yield over(
            f"{name} without a clock, noise {noise:g}",
            lambda quiet=quiet, noise=noise: [  # type: ignore[misc]
                Stretch(shots(quiet, noise=noise), 3900, quiet.daylight)
            ],
        )
    yield over("a dome on its tour", _tour, fixed_view=False)
    yield over("a dome that never rests", lambda: [Stretch(_turning(), 1300, True)], fixed_view=False)


def _seen(right: float, zoom: float) -> list[Shot]:
    """The lookout's view through a head turned by a share of the width."""

    def turned(planes: Planes, _number: int) -> Planes:
        return warped(planes, right, 0.0, 0.0, zoom)

    return shots(scene("lookout-day"), lens=turned, seed=9)


def _turning() -> list[Shot]:
    def turned(planes: Planes, number: int) -> Planes:
        return warped(planes, -0.3 + 0.04 * number, 0.0, 0.0, 1.6)

    return shots(scene("lookout-day"), lens=turned, seed=8)


def _tour() -> list[Stretch]:
    stops = [_seen(right, zoom) for right, zoom in ((-0.25, 1.6), (0.0, 1.6), (0.25, 1.6), (0.1, 2.4))]
    on_the_way = _turning()
    return [
        stretch
        for n in range(70)
        for stretch in (Stretch(on_the_way, 6, True), Stretch(stops[n % 4], 22, True))
    ]


def table(results: Sequence[Result]) -> str:
    """Rows: what was put in; columns: what was named."""
    columns = [*FAULTS, NONE]
    counts = Counter((r.fault, name) for r in results if r.told for name in r.named or (NONE,))
    codes = {name: FAULTS[name].code if name in FAULTS else "none" for name in columns}
    lines = [" " * 18 + " ".join(f"{codes[name]:>4}" for name in columns)]
    for row in columns:
        cells = " ".join(f"{counts[row, name] or '.':>4}" for name in columns)
        lines.append(f"{codes[row]:5}{(row if row != NONE else 'healthy'):13}{cells}")
    by_rule = sum(not r.told for r in results)
    lines.append(
        f"{by_rule} 次因规则不判 / not told by rule (colour by night, grey by night and dusk), in none a name"
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class Part:
    """What one process plays at a time."""

    cases: Callable[..., Iterator[Case]]
    about: str = ""
    """A scene, a real clip, or nothing where the cases have their own."""
    nth: int = 0
    of: int = 1
    """Every so manieth case of them."""

    def mine(self) -> Iterator[Case]:
        """Its cases."""
        all_of_them = self.cases(_base(self.about)) if self.about else self.cases()
        return itertools.islice(all_of_them, self.nth, None, self.of)

    def results(self) -> list[Result]:
        """Play it."""
        cv2.setNumThreads(1)
        return [told(case) for case in self.mine()]


def parts(names: Sequence[str]) -> Iterator[Part]:
    """All cases: those of each scene, and those that are of none."""
    yield from (Part(lights, nth=nth, of=_LIGHT_PARTS) for nth in range(_LIGHT_PARTS))
    for name in names:
        yield Part(faults, name)
        if _base(name).daylight:
            yield Part(weathers, name)
        if _base(name).daylight is not None:
            yield Part(nights, name)


def _base(name: str) -> Base:
    return real(name) if "." in name else scene(name)


@dataclass(frozen=True)
class Limit:
    """One kind of a fault below the strengths claimed."""

    scene: str
    fault: str
    kind: int

    def weakest(self) -> float | None:
        """Down to which strength it is told, all above it too; None when not even the mildest claimed is."""
        cv2.setNumThreads(1)
        base = scene(self.scene)
        if not injected(base, self.fault, _BELOW[0], self.kind).told:
            return None
        reached = itertools.takewhile(lambda s: told(injected(base, self.fault, s, self.kind)).right, _BELOW)
        return min(reached, default=None)


def limits() -> list[Limit]:
    """A clear picture, and one with the noise of the night."""
    return [
        Limit(place, fault, kind)
        for fault, blemish in BLEMISHES.items()
        if fault != "grey"
        for kind in range(blemish.kinds)
        for place in LIMITS_OF
    ]


def limits_table(weakest: Sequence[tuple[Limit, float | None]]) -> str:
    """Rows: kinds of faults; columns: scenes."""
    said = {limit: NONE if least is None else f"{least:+.1f}" for limit, least in weakest}
    lines = [" " * 26 + " ".join(f"{place:>12}" for place in LIMITS_OF)]
    for limit in said:
        if limit.scene == LIMITS_OF[0]:
            cells = (said[Limit(place, limit.fault, limit.kind)] for place in LIMITS_OF)
            about = f"  {FAULTS[limit.fault].code} {limit.fault} kind {limit.kind}"
            lines.append(f"{about:26}" + " ".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and whatever is wrong."""
    parser = argparse.ArgumentParser(description="图像故障混淆表 / confusion table of picture faults")
    parser.add_argument("--scene", action="append", help="只测这些场景或实拍 / these scenes or clips only")
    parser.add_argument(
        "--limits", action="store_true", help="另测最弱可判强度 / also the weakest that is told"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="并行进程数 / processes side by side"
    )
    chosen = parser.parse_args(arguments)
    names = list(chosen.scene or SCENES)
    if folder().is_dir() and not chosen.scene:
        names += CLIPS
    began = time.monotonic()
    # not forked: a child must not begin with the locks of the codecs' threads held
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=max(chosen.processes, 1), mp_context=context) as pool:
        results = []
        for some in pool.map(Part.results, parts(names)):
            results += some
            for result in some:
                if not result.right:
                    print(f"  错 / wrong: {result}", flush=True)
        print(table(results))
        wrong = sum(not result.right for result in results)
        print(f"{len(results)} 例 / cases, {wrong} 错 / wrong, {time.monotonic() - began:.0f} s", flush=True)
        if chosen.limits:
            every = limits()
            print("最弱可判强度（0 为所承诺的最轻）/ weakest told (0: the mildest claimed)")
            print(limits_table(list(zip(every, pool.map(Limit.weakest, every), strict=True))))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
