"""One subject in a process of its own: takes jobs as JSON lines, answers each with what it cost and fired.

``{"paths": [...]}`` plays files one after the other; with ``"streams": n, "until_s": s`` it plays the
beginning of each n times at once: for memory. CPU is getrusage's of this process and its children.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psutil

from bench.sight.subjects import SUBJECTS, Runs, Subject, Told


def main() -> int:
    """Serve jobs for the subject named on the command line until the input ends."""
    cv2.setNumThreads(1)  # as the video room does
    subject = SUBJECTS[sys.argv[1]]
    print(json.dumps({"mib": peak_mib()}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        paths = [Path(path) for path in job["paths"]]
        if "until_s" in job:
            answer = together(subject, paths, streams=int(job["streams"]), until_s=float(job["until_s"]))
        else:
            answer = {"played": [played(subject, path) for path in paths]}
        print(json.dumps({**answer, "mib": peak_mib()}), flush=True)
    return 0


def played(subject: Subject, path: Path) -> dict[str, Any]:
    """One file from beginning to end."""
    before_s, runs, told = cpu_s(), Runs(), Told(0.0)
    for told in subject(path):
        runs.take(told)
    spent_s = cpu_s() - before_s
    return {"cpu_s": spent_s, "runs": [[r.from_s, r.to_s] for r in runs.finish(told.at_s)]}


def together(subject: Subject, paths: list[Path], *, streams: int, until_s: float) -> dict[str, Any]:
    """Several streams in turn, as a box has them; the most that helpers of this process held."""
    eyes: list[Iterator[Told]] = [subject(path) for path in paths for _ in range(streams)]
    under_way, helpers_mib, turn = list(eyes), 0.0, 0
    while under_way:
        for eye in tuple(under_way):
            told = next(eye, None)
            if told is None or told.at_s >= until_s:
                under_way.remove(eye)
            turn += 1
            if turn % 20 == 0:
                helpers_mib = max(helpers_mib, _helpers_mib())
    for eye in eyes:
        close = getattr(eye, "close", None)
        if close is not None:
            close()
    return {"helpers_mib": helpers_mib}


def cpu_s() -> float:
    """User and system time of this process and of the children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    """The most this process held so far (VmHWM; ru_maxrss would begin with the parent's)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("/proc/self/status has no VmHWM")


def _helpers_mib() -> float:
    held = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            held += float(child.memory_info().rss) / 2**20
        except psutil.Error:
            continue
    return held


if __name__ == "__main__":
    sys.exit(main())
