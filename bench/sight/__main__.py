"""``python -m bench.sight [--long] [--tuning]``."""

from __future__ import annotations

import argparse
import sys

from bench.sight.run import LONG, QUICK, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.sight")
    parser.add_argument("--long", action="store_true", help="half an hour of every scene, not 4 minutes")
    parser.add_argument("--tuning", action="store_true", help="the scenes that may be tuned on")
    given = parser.parse_args()
    sys.exit(main(LONG if given.long else QUICK, kind="tuning" if given.tuning else "judging"))
