"""The process that renders clips: takes its order on stdin as JSON, exits 0 or says why not."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from simulator.video.clip import save
from simulator.video.film import bake
from simulator.video.model import Reel, VideoError

NICENESS = 5  # rendering gives way to what is being watched
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> int:
    """Bake what stdin orders; the last line on stderr is the reason of a failure."""
    os.nice(NICENESS)
    _end_with_parent()
    for entry in json.load(sys.stdin):
        reel = Reel.from_json(entry["reel"])
        try:
            save(bake(reel), Path(entry["path"]))
        except (VideoError, KeyError, OSError) as error:
            sys.stderr.write(f"{reel}: {error}\n")
            return 1
    return 0


def _end_with_parent() -> None:
    """Rendering takes minutes, and nobody wants it any more when the simulator was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    raise SystemExit(main())
