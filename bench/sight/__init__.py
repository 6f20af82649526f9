"""What sight costs and finds: ours beside the limits and the peers, on the same streams, in one run.

``python -m bench sight`` or ``make bench-sight`` (below six minutes on two cores, once the scenes are made);
``python -m bench.sight --long`` for hours of stream, ``--tuning`` for the scenes that may be tuned on. Where
FRIGATE_SRC names a checkout of Frigate, its own motion detector runs in its shape of pipeline
(``bench.sight.frigate``).

CPU is getrusage's of a process and its children, demuxing included, decoders single-threaded, in three rounds
with the subjects in turn. The first 15 s of a stream are warm-up for all. Exit status 1 when a target is
missed.
"""

from __future__ import annotations


def main() -> int:
    """One run; the exit status."""
    from bench.sight.run import main as run  # the subjects' processes shall not hold what only this one needs

    return run()
