"""Runs the measurements one after the other and prints their tables: ``python -m bench [NAME …]``.

CPU seconds, not wall time; ratios inside one run; the machine and its load are printed first, because a
number without them means nothing.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys

BENCHES = {
    "sight": "cost and finds of sight: ours beside the limits and the peers",
    "sight_quick": "cost of looking at one stream: demux only, key frames, full decode",
    "devices_cost": "cost of bringing 50 devices up and of climbing them, ours beside plain onvif-zeep",
    "devices_tls": "TLS to devices: one handshake, and the steady state of 64 beside plain text",
    "county_idle": "64 simulated devices: nobody looks, and all streams are read",
}


def main(names: list[str]) -> int:
    """Run the named measurements, or all; the exit status, 1 when one says that it missed a target."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}")
    status = 0
    for name in names or BENCHES:
        print(f"\n== {name}: {BENCHES[name]}", flush=True)
        status = importlib.import_module(f"bench.{name}").main() or status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
