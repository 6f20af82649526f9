"""What a subject said, held against what was to be seen. Pure.

Law: a visit is found when the subject fires between 0.5 s before and 2 s after entering, or while it lasts;
what is fired at any other time is false. One that always fires has everything found and everything false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WARM_UP_S = 15.0
"""Nothing is asked of any subject before; nothing comes before."""
EARLY_S, PROMPT_S = 0.5, 2.0
LINGER_S = 2.0
"""So long after it left a thing may still be fired without being false: the distance of two key frames."""
FAST_S = 2.0
"""Whoever is through the picture in less is a fast mover."""
BRIEFEST_S = 1.0
"""A single moment counts as so long."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one second of a stream to another."""

    from_s: float
    to_s: float

    def meets(self, other: Stretch) -> bool:
        """Whether they have a moment in common."""
        return self.from_s <= other.to_s and other.from_s <= self.to_s


@dataclass(frozen=True, slots=True)
class Truth:
    """What a stream shows: who is in view when, and when the light changes as a whole."""

    seconds: float
    visits: tuple[Stretch, ...]
    light_changes: tuple[Stretch, ...] = ()

    def until(self, end_s: float) -> Truth:
        """The beginning alone; a visit that could still be found after the end is left out."""
        visits = (v for v in self.visits if _window(v).to_s + LINGER_S <= end_s)
        lights = (light for light in self.light_changes if light.to_s <= end_s)
        return Truth(min(self.seconds, end_s), tuple(visits), tuple(lights))


@dataclass(frozen=True, slots=True)
class Score:
    """What came of one or several streams. Scores add up."""

    ordinary: int = 0
    ordinary_found: int = 0
    fast: int = 0
    fast_found: int = 0
    late: int = 0
    """Visits that fired only after their time, within LINGER_S: not found, and not false."""
    true_runs: int = 0
    false_runs: int = 0
    light_runs: int = 0
    """Of the false ones, those at a change of the light."""
    fired_s: float = 0.0
    false_s: float = 0.0
    judged_s: float = 0.0
    streams: int = field(default=0)

    def __add__(self, other: Score) -> Score:
        mine, theirs = ([getattr(one, name) for name in self.__slots__] for one in (self, other))
        return Score(*(a + b for a, b in zip(mine, theirs, strict=True)))

    @property
    def recall(self) -> float:
        """Ordinary visits found; 1 where there was none."""
        return self.ordinary_found / self.ordinary if self.ordinary else 1.0

    @property
    def fast_recall(self) -> float:
        return self.fast_found / self.fast if self.fast else 1.0

    @property
    def precision(self) -> float:
        """Share of the seconds fired in which something was there; 0 where nothing was fired."""
        return (self.fired_s - self.false_s) / self.fired_s if self.fired_s else 0.0

    @property
    def run_precision(self) -> float:
        """Share of the runs that were for something; 0 where nothing was fired."""
        runs = self.true_runs + self.false_runs
        return self.true_runs / runs if runs else 0.0

    @property
    def false_per_h(self) -> float:
        return 3600.0 * self.false_runs / self.judged_s if self.judged_s else 0.0


def score(truth: Truth, runs: Iterable[Stretch]) -> Score:
    """Hold the runs of one stream against its truth; what lies in the warm-up is not looked at."""
    told = _joined(_clipped(runs, WARM_UP_S, truth.seconds))
    visits = [visit for visit in truth.visits if visit.from_s >= WARM_UP_S]
    found = [any(run.meets(_window(visit)) for run in told) for visit in visits]
    late = [
        not seen and any(run.meets(_allowed(visit)) for run in told)
        for visit, seen in zip(visits, found, strict=True)
    ]
    fast = [visit.to_s - visit.from_s < FAST_S for visit in visits]
    allowed = _joined(_allowed(visit) for visit in truth.visits)
    false = [piece for run in told for piece in _outside(run, allowed)]
    return Score(
        ordinary=fast.count(False),
        ordinary_found=sum(seen and not quick for seen, quick in zip(found, fast, strict=True)),
        fast=fast.count(True),
        fast_found=sum(seen and quick for seen, quick in zip(found, fast, strict=True)),
        late=sum(late),
        true_runs=sum(any(run.meets(_allowed(visit)) for visit in truth.visits) for run in told),
        false_runs=len(false),
        light_runs=sum(any(piece.meets(_allowed(light)) for light in truth.light_changes) for piece in false),
        fired_s=sum(run.to_s - run.from_s for run in told),
        false_s=sum(piece.to_s - piece.from_s for piece in false),
        judged_s=max(0.0, truth.seconds - WARM_UP_S),
        streams=1,
    )


def _window(visit: Stretch) -> Stretch:
    """When a visit must be fired to be found."""
    return Stretch(visit.from_s - EARLY_S, max(visit.from_s + PROMPT_S, visit.to_s))


def _allowed(visit: Stretch) -> Stretch:
    """When firing is not false."""
    return Stretch(visit.from_s - EARLY_S, max(visit.from_s + PROMPT_S, visit.to_s) + LINGER_S)


def _clipped(runs: Iterable[Stretch], from_s: float, to_s: float) -> Iterable[Stretch]:
    for run in runs:
        ends_s = max(run.to_s, run.from_s + BRIEFEST_S)
        if ends_s > from_s and run.from_s < to_s:
            yield Stretch(max(run.from_s, from_s), min(ends_s, to_s))


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for one in sorted(stretches, key=lambda each: each.from_s):
        if joined and one.from_s <= joined[-1].to_s:
            joined[-1] = Stretch(joined[-1].from_s, max(joined[-1].to_s, one.to_s))
        else:
            joined.append(one)
    return joined


def _outside(run: Stretch, allowed: Sequence[Stretch]) -> list[Stretch]:
    """The pieces of a run that no visit excuses."""
    pieces, from_s = [], run.from_s
    for one in allowed:
        if one.from_s >= run.to_s:
            break
        if one.from_s > from_s:
            pieces.append(Stretch(from_s, one.from_s))
        from_s = max(from_s, one.to_s)
    if from_s < run.to_s:
        pieces.append(Stretch(from_s, run.to_s))
    return pieces
