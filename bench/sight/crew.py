"""The subjects as processes, and what their work comes to: CPU, memory, scores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from bench.sight.scenes import Tape
from bench.sight.scoring import Score, Stretch, score

MEMORY_S: Final = 30.0
MORE_STREAMS: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One subject on one kind of stream."""

    key: str
    """A name in SUBJECTS."""
    label: str
    analysis: bool = False


ROWS: Final = (
    Row("demux", "demux only"),
    Row("ours", "ours"),
    Row("ours", "ours, analysis stream", analysis=True),
    Row("keys", "key frames + our background"),
    Row("5fps", "all decoded, ours at 5 fps"),
    Row("mog2", "all decoded + MOG2"),
    Row("frigate", "Frigate's shape"),
)
DEMUX, OURS, ANALYSIS, KEYS, FIVE, MOG2, FRIGATE = ROWS


@dataclass(slots=True)
class Tally:
    """What one subject's work came to."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    """By form: ms of CPU per second of stream, one figure a round."""
    scores: dict[str, Score] = field(default_factory=dict)
    """By light."""
    first_mib: float = 0.0
    further_mib: float = 0.0

    def cpu_ms(self, form: str) -> float:
        """The median of the rounds; endless where none was measured."""
        return median(self.rounds[form]) if self.rounds.get(form) else float("inf")

    @property
    def total(self) -> Score:
        """All lights together."""
        return sum(self.scores.values(), Score())


class Member:
    """One subject in its process."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.tally = Tally()
        command = [sys.executable, "-m", "bench.sight.child", row.key]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._empty_mib = float(self._answer()["mib"])

    def play(self, tape: Tape) -> tuple[float, Score]:
        """One tape to its end: ms of CPU per second of stream, and the score."""
        path = tape.analysis if self.row.analysis else tape.path
        (told,) = self._ask({"paths": [str(path)]})["played"]
        runs = [Stretch(from_s, to_s) for from_s, to_s in told["runs"]]
        return 1000 * told["cpu_s"] / tape.truth.seconds, score(tape.truth, runs)

    def weigh(self, tape: Tape) -> None:
        """Measure memory: before anything else, because peaks stay."""
        path = str(tape.analysis if self.row.analysis else tape.path)
        one = self._ask({"paths": [path], "streams": 1, "until_s": MEMORY_S})
        more = self._ask({"paths": [path], "streams": 1 + MORE_STREAMS, "until_s": MEMORY_S})
        held, grown = one["mib"] + one["helpers_mib"], more["mib"] + more["helpers_mib"]
        self.tally.first_mib = held - self._empty_mib
        self.tally.further_mib = (grown - held) / MORE_STREAMS

    def close(self) -> None:
        """End the process."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(20)
        self._child.stdout.close()

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(job) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit(f"{self.row.label}: its process ended with {self._child.wait(20)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def crew(rows: Sequence[Row] = ROWS) -> Iterator[list[Member]]:
    """A process for every row."""
    members: list[Member] = []
    try:
        members += (Member(row) for row in rows)
        yield members
    finally:
        for member in members:
            member.close()
