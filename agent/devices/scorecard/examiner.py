"""Runs the trials at one device, in order, each within its time, and makes the card.

Law: after a refused log-in nothing more is asked. A trial that fails is undecided and says why; the rest goes
on until the time of the whole card is over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from agent.devices.account import Account
from agent.devices.identity import read_device_information
from agent.devices.limits import Limits
from agent.devices.scorecard import listening, looking
from agent.devices.scorecard.bench import STOPS, Bench
from agent.devices.scorecard.card import Card, Mark, Verdict, mark
from agent.devices.scorecard.listening import Terms
from agent.devices.scorecard.trials import TRIALS
from agent.devices.scorecard.writing import Tools, Writer
from agent.devices.sentences import both
from agent.devices.session import Session
from agent.devices.wsdl import Services
from agent.errors import DeviceError
from agent.model import Device, Identity

Told = Callable[[Mark], None]
Group = Callable[[Bench], Iterator[Mark]]
_READING: tuple[tuple[Group, tuple[str, ...]], ...] = (
    (looking.services, ("services", "addresses")),
    (looking.login, ("login",)),
    (looking.media2, ("media2",)),
    (looking.pictures, ("stream_address", "snapshot", "snapshot_secret")),
    (looking.refusal, ("not_supported",)),
    (looking.upkeep, ("backup", "firmware")),
    (looking.recording, ("recording",)),
)
"""Groups of trials, and which marks each owes."""
_LISTENING = ("pull_point", "lease", "parameters", "states", "renew", "long_pull", "topics", "minutes")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a card may take."""

    card_s: float = 60.0
    group_s: float = 8.0
    terms: Terms = field(default_factory=Terms)


class Examiner:
    """The trials of one ONVIF device that only read. One thread at a time."""

    def __init__(
        self,
        device: Device,
        account: Account,
        services: Services,
        *,
        limits: Limits,
        pace: Pace | None = None,
    ) -> None:
        self.device = device
        self._pace = pace or Pace()
        longest = max(limits.total_s, self._pace.terms.pull_s + 3.0)
        self._session = Session(device, account, services, limits=replace(limits, total_s=longest))
        self._short_s = limits.total_s

    def examine(self, told: Told = lambda _mark: None) -> Card:
        """All reading trials, within ``Pace.card_s``. Raises DeviceError when the device cannot be asked at
        all, or refuses the log-in; nothing is left behind at it."""
        session, bench, marks = self._session, Bench(self._session), list[Mark]()
        ends = time.monotonic() + self._pace.card_s - session.limits.unsubscribe_s

        def done(one: Mark) -> None:
            marks.append(one)
            told(one)

        with session.transport.within(self._pace.card_s):
            identity = self._known(bench, done)
            for group, owed in _READING:
                self._tried(group, owed, bench, done, ends=ends)
            self._listened(bench, done, ends=ends)
        order = {trial.id: number for number, trial in enumerate(TRIALS)}
        marks.sort(key=lambda one: order[one.trial])
        habits = {habit.value: fact.value for habit, fact in bench.habits.known().items()}
        return Card(self.device.id, identity, session.account.box_utc(), tuple(marks), habits=habits)

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self._session.close()

    def _known(self, bench: Bench, done: Told) -> Identity:
        with self._session.transport.within(self._short_s * 2):
            for one in looking.clock(bench):
                done(one)
            return read_device_information(self._session)

    def _tried(self, group: Group, owed: tuple[str, ...], bench: Bench, done: Told, *, ends: float) -> None:
        given: set[str] = set()
        try:
            with self._session.transport.within(min(self._pace.group_s, max(0.1, ends - time.monotonic()))):
                for one in group(bench):
                    given.add(one.trial)
                    done(one)
        except DeviceError as error:
            if error.kind in STOPS:
                raise
            self._undecided(owed, given, error.kind.value, done)

    def _listened(self, bench: Bench, done: Told, *, ends: float) -> None:
        given: set[str] = set()
        try:
            with (
                self._session.transport.within(max(0.1, ends - time.monotonic())),
                contextlib.closing(listening.pull_point(bench, self._pace.terms)) as trials,
            ):
                for one in trials:
                    given.add(one.trial)
                    done(one)
        except DeviceError as error:
            if error.kind in STOPS:
                raise
            self._undecided(_LISTENING, given, error.kind.value, done)

    @staticmethod
    def _undecided(owed: tuple[str, ...], given: set[str], why: str, done: Told) -> None:
        for trial in owed:
            if trial not in given:
                evidence = both(f"没有问到：{why}", f"it could not be asked: {why}")
                done(mark(trial, "-", "-", Verdict.UNDECIDED, evidence))


def with_writing(card: Card, tools: Tools, told: Told) -> Card:
    """The card with the marks of the trials that write; what they could not put back is in ``left``."""
    writer, marks = Writer(tools), list(card.marks)
    for one in writer.marks():
        marks.append(one)
        told(one)
    return replace(card, marks=tuple(marks), left=tuple(writer.left))
