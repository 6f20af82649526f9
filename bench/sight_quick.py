"""What looking at one camera costs: CPU per second of stream, from disk, demuxing included.

``python -m bench.sight_quick [FILE...]``: FILEs are camera-like H.264; without any, the footage is encoded so
(640x360, 10 fps, a key frame every 2 s). Three rounds, subjects interleaved, CPU time of this process, one
thread; all rounds are printed. Compare figures of one run only.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2

from agent.detect import SceneJudge
from agent.model import Finding, Frame
from agent.video.cascade import Cascade
from agent.video.gate import DecodeGate, MotionGate
from tests.support.footage import encode, folder, pictures, play

ROUNDS = 3
CLIPS = ("one-by-one-person.mp4", "campus-walk.avi")


class KeysOnly(MotionGate):
    """Never decodes more than key frames."""

    def admits(self, *, key: bool) -> bool:
        """Key frames alone."""
        return key


class Everything(MotionGate):
    """Decodes every frame, judges five a second."""

    def admits(self, *, key: bool) -> bool:  # noqa: ARG002 - the port's signature
        """All."""
        return True


class Blind:
    """Judges nothing: what remains is decoding."""

    def judge(self, _frame: Frame) -> tuple[Finding, ...]:
        """Nothing."""
        return ()


def demux(path: Path) -> None:
    """Read every packet, decode none."""
    with av.open(str(path)) as container:
        for _ in container.demux(container.streams.video[0]):
            pass


def looked_at(
    judge: Callable[[], SceneJudge | Blind], gate: Callable[[], DecodeGate]
) -> Callable[[Path], None]:
    """A subject: the box's decoder with this judge and gate."""

    def subject(path: Path) -> None:
        for _ in play(path, judge(), gate()):
            pass

    return subject


SUBJECTS: dict[str, Callable[[Path], None]] = {
    "demux only": demux,
    "key frames decoded": looked_at(Blind, KeysOnly),
    "key frames judged": looked_at(SceneJudge, KeysOnly),
    "as watched (runs while something moves)": looked_at(SceneJudge, Cascade),
    "as watched, simple gate": looked_at(SceneJudge, MotionGate),
    "all decoded, 5 fps judged": looked_at(SceneJudge, Everything),
}


def seconds_of(path: Path) -> float:
    """Length of a file."""
    with av.open(str(path)) as container:
        return float(container.duration or 0) / 1_000_000


def measure(path: Path) -> None:
    """Print the table of one file."""
    lasts = seconds_of(path)
    spent: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for _ in range(ROUNDS):
        for name, subject in SUBJECTS.items():
            began = time.process_time()
            subject(path)
            spent[name].append((time.process_time() - began) * 1000 / lasts)
    least = sorted(spent["demux only"])[ROUNDS // 2]
    print(f"\n{path.name}: {lasts:.0f} s of stream; ms of CPU per second (10 ms/s = 1 % of a core)")
    for name, rounds in spent.items():
        middle = sorted(rounds)[ROUNDS // 2]
        every = " ".join(f"{value:.2f}" for value in rounds)
        print(f"  {name:42} {middle:7.2f}   x{middle / least:5.1f}   [{every}]")


def main() -> int:
    """Measure the files named, or the footage."""
    cv2.setNumThreads(1)  # as the video room does
    if sys.argv[1:]:
        for name in sys.argv[1:]:
            measure(Path(name))
        return 0
    if not folder().is_dir():
        print(f"没有素材 / no footage at {folder()}; set OUTPOST_DATA or name files")
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        for clip in CLIPS:
            measure(encode(pictures(folder() / clip), Path(scratch) / f"{Path(clip).stem}.mp4"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
