"""The judging scenes on disk: encoded as cameras do, their truth beside them, made once and kept.

``python -m bench.sight.scenes [judging|tuning] [--seconds S]`` makes them and says where they are. Tuning
scenes have other seeds and places than judging scenes: what is tuned on the one is judged on the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from bench.sight.looks import FPS, STILLS, pictures
from bench.sight.recorder import ANALYSIS, BIG, CONSTANT, I420, VARIABLE, Form, Recorder, shrunk
from bench.sight.scoring import Stretch, Truth
from bench.sight.script import Light, script
from tests.support import footage

SECONDS: Final = 240.0
BIG_S: Final = 75.0
_SOURCES: Final = ("looks.py", "recorder.py", "script.py")
_REAL: Final = STILLS[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One scene to be made. ``place`` of footage that is not there is replaced by ``instead``."""

    light: Light
    seed: int
    place: str
    instead: str
    form: Form
    seconds: float
    dense: bool = False

    @property
    def name(self) -> str:
        """Its file's name."""
        rate = "cbr" if self.form.rate_kbps else "vbr"
        place = Path(self.stands_in).stem
        return f"{self.light}-{self.seed}-{place}-{self.form.height}p-{rate}-{self.seconds:.0f}s"

    @property
    def stands_in(self) -> str:
        """The place, or the one that takes its part."""
        missing = self.place in STILLS and not (footage.folder() / self.place).is_file()
        return self.instead if missing else self.place


@dataclass(frozen=True, slots=True)
class Tape:
    """One scene on disk, once as the camera sends it and once as its analysis stream."""

    name: str
    light: str
    form: str
    path: Path
    analysis: Path
    truth: Truth

    @classmethod
    def read(cls, record_path: Path) -> Tape:
        """The tape whose truth lies at ``record_path``."""
        record = json.loads(record_path.read_text("utf-8"))
        truth = Truth(
            float(record["seconds"]),
            tuple(Stretch(*visit) for visit in record["visits"]),
            tuple(Stretch(*change) for change in record["light_changes"]),
        )
        folder, name = record_path.parent, record_path.stem
        return cls(
            name,
            record["light"],
            record["form"],
            folder / f"{name}.mp4",
            folder / f"{name}.analysis.mp4",
            truth,
        )


_JUDGING: Final = (
    (Light.DAY, "campus-walk.avi", "gate", "street"),
    (Light.DUSK, "campus-walk.avi", "street", "gate"),
    (Light.NIGHT, "one-by-one-person.mp4", "road", "street"),
    (Light.NIGHT_NR, "campus-walk.avi", "gate", "road"),
    (Light.WIND, "wood", "wood", "wood"),
    (Light.RAIN, "motorway.avi", "street", "road"),
    (Light.HEADLIGHTS, "gate", "gate", "gate"),
)
_TUNING: Final = (
    (Light.DAY, "one-by-one-person.mp4", "road", "gate"),
    (Light.DUSK, "motorway.avi", "road", "street"),
    (Light.NIGHT, "campus-walk.avi", "street", "gate"),
    (Light.NIGHT_NR, "motorway.avi", "road", "street"),
    (Light.WIND, "wood", "wood", "gate"),
    (Light.RAIN, "campus-walk.avi", "gate", "street"),
    (Light.HEADLIGHTS, "street", "street", "gate"),
)
"""By light: the place at constant rate, what stands in for it without footage, the place at variable rate."""


def wanted(kind: str, *, seconds: float = SECONDS) -> list[Wanted]:
    """The scenes of a kind, ``judging`` or ``tuning``: two of every light, and 720p by day and by night."""
    table, seed = {"judging": (_JUDGING, 100), "tuning": (_TUNING, 900)}[kind]
    scenes = []
    for light, first, instead, second in table:
        scenes.append(Wanted(light, seed, first, instead, CONSTANT, seconds))
        scenes.append(Wanted(light, seed + 1, second, second, VARIABLE, seconds))
    for light, first, instead, _ in table[:3:2]:
        scenes.append(Wanted(light, seed + 2, first, instead, BIG, BIG_S))
    return scenes


def arrivals(*, cameras: int, seconds: float) -> list[Wanted]:
    """Scenes for the measurement of latency: somebody comes as often as can be told apart."""
    places = ("gate", "street", "road")
    return [
        Wanted(Light.DAY, 300 + number, place, place, CONSTANT, seconds, dense=True)
        for number, place in zip(range(cameras), places * cameras, strict=False)
    ]


def folder() -> Path:
    """Where tapes of this recipe are kept: OUTPOST_SCENE_CACHE or the user's cache."""
    here = Path(__file__).parent
    cast = here.parents[1] / "simulator" / "video"
    recipe = hashlib.sha256()
    for path in [
        *(here / name for name in _SOURCES),
        *(cast / f"{n}.py" for n in ("backdrop", "cast", "stage")),
    ]:
        recipe.update(path.read_bytes())
    cache = (
        os.environ.get("OUTPOST_SCENE_CACHE")
        or os.environ.get("XDG_CACHE_HOME")
        or str(Path.home() / ".cache")
    )
    return Path(cache) / "outpost-sight" / recipe.hexdigest()[:12]


def tapes(scenes: Iterable[Wanted]) -> list[Tape]:
    """The scenes on disk; those that are missing are made first, told on stderr."""
    scenes = list(scenes)
    missing = [scene for scene in scenes if not _record(scene.name).is_file()]
    if missing:
        _make_all(missing)
    return [Tape.read(_record(scene.name)) for scene in scenes]


def real_tape() -> Tape | None:
    """The footage in which one person at a time comes and goes, encoded as cameras do; None without it."""
    path = footage.folder() / _REAL
    if not path.is_file():
        return None
    name = f"real-{path.stem}"
    if not _record(name).is_file():
        sys.stderr.write(f"画面 / making {name}\n")
        truth = footage.Truth.of(_REAL)
        supply = footage.pictures(path, width=CONSTANT.width, height=CONSTANT.height, fps=float(FPS))
        planes = (np.asarray(cv2.cvtColor(p, cv2.COLOR_BGR2YUV_I420), np.uint8) for p in supply)
        seconds = _write(name, planes, CONSTANT)
        visits = [Stretch(a, b) for a, b in truth.visits]
        _note(name, "real", str(CONSTANT), Truth(seconds, tuple(visits)))
    return Tape.read(_record(name))


def make(scene: Wanted) -> float:
    """Render and encode one scene, write its truth last; returns the CPU seconds it took."""
    began_s = time.process_time()
    cv2.setNumThreads(1)
    played = script(scene.light, scene.seed, seconds=scene.seconds, dense=scene.dense)
    supply = pictures(played, scene.stands_in, width=scene.form.width, height=scene.form.height)
    _write(scene.name, supply, scene.form)
    _note(scene.name, str(scene.light), str(scene.form), played.truth)
    return time.process_time() - began_s


def _make_all(missing: Sequence[Wanted]) -> None:
    folder().mkdir(parents=True, exist_ok=True)
    sys.stderr.write(
        f"画面：{len(missing)} 段，只做一次 / making {len(missing)} scenes, once, in {folder()}\n"
    )
    began_s = time.monotonic()
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        under_way = {pool.submit(make, scene): scene for scene in missing}
        for number, done in enumerate(as_completed(under_way), 1):
            took = f"{done.result():.0f} CPU s, {time.monotonic() - began_s:.0f} s so far"
            sys.stderr.write(f"  {number}/{len(missing)} {under_way[done].name}: {took}\n")


def _record(name: str) -> Path:
    return folder() / f"{name}.json"


def _note(name: str, light: str, form: str, truth: Truth) -> None:
    record = {
        "unit": "s",
        "light": light,
        "form": form,
        "seconds": truth.seconds,
        "visits": [[one.from_s, one.to_s] for one in truth.visits],
        "light_changes": [[one.from_s, one.to_s] for one in truth.light_changes],
    }
    part = _record(name).with_suffix(".part")
    part.write_text(json.dumps(record, indent=1), "utf-8")
    part.replace(_record(name))


def _write(name: str, supply: Iterable[I420], form: Form) -> float:
    """Encode pictures in ``form`` and as an analysis stream; returns how many seconds there were."""
    folder().mkdir(parents=True, exist_ok=True)
    main, small = folder() / f"{name}.mp4", folder() / f"{name}.analysis.mp4"
    count = shown = 0
    with Recorder(main, form) as whole, Recorder(small, ANALYSIS) as analysis:
        for planes in supply:
            whole.add(planes)
            if count * ANALYSIS.fps >= shown * form.fps:  # a camera leaves pictures out, it takes no others
                analysis.add(shrunk(planes, ANALYSIS))
                shown += 1
            count += 1
    return count / form.fps


def main() -> int:
    """Make the scenes of a kind and say what they are."""
    parser = argparse.ArgumentParser(prog="python -m bench.sight.scenes", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=("judging", "tuning"), default="judging")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    for tape in tapes(wanted(given.kind, seconds=given.seconds)):
        fast = sum(visit.to_s - visit.from_s < 2 for visit in tape.truth.visits)
        print(f"{tape.path}  {tape.form}  {len(tape.truth.visits) - fast} ordinary, {fast} fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
