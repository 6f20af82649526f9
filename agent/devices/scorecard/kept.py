"""Cards kept by make, model and firmware: merged over runs and devices, compared over firmwares, bounded.

    cards of devices ──merged──> one sheet a make, in the notebook under vendor/model/firmware, ``scorecard``

Law: two devices of one make that disagree are undecided, not whichever was asked last. A new firmware is a
new sheet; the old one stays to be compared with.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.devices.habits import make_of
from agent.devices.redact import quoted
from agent.devices.scorecard.card import Card, Mark, Verdict, mark
from agent.devices.scorecard.trials import TRIALS
from agent.errors import StoreFull
from agent.model import Identity
from agent.ports import Notebook

CARD_TOPIC = "scorecard"
_MOST_SHEETS = 200
_MOST_DEVICES = 16
_MOST_RUNS = 1_000_000
_DECIDED = (Verdict.HONEST, Verdict.LIES)


@dataclass(frozen=True, slots=True)
class Kept:
    """One trial over all runs: the last mark, how often each verdict came, the last one by device."""

    last: Mark
    seen: Mapping[Verdict, int]
    by_device: Mapping[str, Verdict]

    @property
    def is_mixed(self) -> bool:
        """Devices of the make disagree."""
        return len(set(self.by_device.values()).intersection(_DECIDED)) > 1

    @property
    def verdict(self) -> Verdict:
        """What all devices of the make come to."""
        if self.is_mixed:
            return Verdict.UNDECIDED
        told = set(self.by_device.values())
        order = (Verdict.LIES, Verdict.HONEST, Verdict.NOT_OFFERED)
        return next((verdict for verdict in order if verdict in told), Verdict.UNDECIDED)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of one make, model and firmware."""

    vendor: str
    model: str
    firmware: str
    first: datetime
    last: datetime
    runs: int = 0
    devices: tuple[str, ...] = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def make(self) -> str:
        """The notebook's subject."""
        return make_of(Identity(vendor=self.vendor, model=self.model, firmware=self.firmware))


@dataclass(frozen=True, slots=True)
class Difference:
    """A trial that came out otherwise under another firmware."""

    trial: str
    before: Verdict
    did: str
    after: Verdict
    does: str


def merged(sheet: Sheet | None, card: Card) -> Sheet:
    """The sheet with one more card."""
    who = card.identity
    if sheet is None:
        vendor, model, firmware = (quoted(text, longest=60) for text in (who.vendor, who.model, who.firmware))
        sheet = Sheet(vendor, model, firmware, card.at, card.at)
    kept = dict(sheet.kept)
    for one in card.marks:
        kept[one.trial] = _more(kept.get(one.trial), one, card.device)
    return Sheet(
        sheet.vendor,
        sheet.model,
        sheet.firmware,
        sheet.first,
        card.at,
        min(sheet.runs + 1, _MOST_RUNS),
        _with(sheet.devices, card.device),
        kept,
    )


def differences(old: Sheet, new: Sheet) -> tuple[Difference, ...]:
    """What the new firmware does otherwise, in the order of the trials."""
    pairs = [(trial.id, old.kept.get(trial.id), new.kept.get(trial.id)) for trial in TRIALS]
    return tuple(
        Difference(trial, was.verdict, was.last.does, now.verdict, now.last.does)
        for trial, was, now in pairs
        if was is not None and now is not None and _told(was) != _told(now)
    )


def written(sheet: Sheet) -> str:
    """The sheet as a document of the notebook."""
    kept: dict[str, dict[str, object]] = {
        trial: {
            "claims": one.last.claims,
            "does": one.last.does,
            "verdict": one.last.verdict,
            "evidence": one.last.evidence,
            "seen": {**one.seen},
            "by_device": {**one.by_device},
        }
        for trial, one in sheet.kept.items()
    }
    told = {
        "v": 1,
        "vendor": sheet.vendor,
        "model": sheet.model,
        "firmware": sheet.firmware,
        "first": sheet.first.isoformat(),
        "last": sheet.last.isoformat(),
        "runs": sheet.runs,
        "devices": list(sheet.devices),
        "trials": kept,
    }
    return json.dumps(told, ensure_ascii=False)


def read(document: str) -> Sheet | None:
    """The sheet of a document; None for one that is damaged. Trials that are no longer made are left out."""
    known = {trial.id for trial in TRIALS}
    try:
        told = json.loads(document)
        return Sheet(
            str(told["vendor"]),
            str(told["model"]),
            str(told["firmware"]),
            datetime.fromisoformat(told["first"]),
            datetime.fromisoformat(told["last"]),
            int(told["runs"]),
            tuple(str(each) for each in told["devices"]),
            {trial: _read_kept(trial, one) for trial, one in told["trials"].items() if trial in known},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class Scorecards:
    """The sheets of all makes in the notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def add(self, card: Card) -> tuple[Sheet, Sheet | None]:
        """Keep a card; returns its make's sheet and the latest one of another firmware, to compare with."""
        there = {sheet.make: sheet for sheet in self.all()}
        sheet = merged(there.get(make_of(card.identity)), card)
        with contextlib.suppress(StoreFull):
            self._make_room(there, sheet.make)
            self._notebook.note(sheet.make, CARD_TOPIC, written(sheet))
        others = [
            one
            for one in there.values()
            if (one.vendor, one.model) == (sheet.vendor, sheet.model) and one.make != sheet.make
        ]
        return sheet, max(others, key=lambda one: one.last, default=None)

    def all(self) -> Sequence[Sheet]:
        """Every sheet, by make."""
        read_ones = (read(text) for text in self._notebook.notes(CARD_TOPIC).values())
        return sorted((sheet for sheet in read_ones if sheet is not None), key=lambda one: one.make)

    def _make_room(self, there: Mapping[str, Sheet], make: str) -> None:
        if make in there or len(there) < _MOST_SHEETS:
            return
        oldest = min(there.values(), key=lambda one: one.last)
        self._notebook.strike(oldest.make, CARD_TOPIC)


def _more(kept: Kept | None, one: Mark, device: str) -> Kept:
    seen: dict[Verdict, int] = {} if kept is None else {**kept.seen}
    seen[one.verdict] = min(seen.get(one.verdict, 0) + 1, _MOST_RUNS)
    by_device = (
        {} if kept is None else {name: told for name, told in kept.by_device.items() if name != device}
    )
    # What was decided before stands against a day on which it could not be told.
    was = None if kept is None else kept.by_device.get(device)
    told = was if was is not None and one.verdict is Verdict.UNDECIDED else one.verdict
    by_device[device] = told
    last = kept.last if kept is not None and told is not one.verdict else one
    return Kept(last, seen, dict(list(by_device.items())[-_MOST_DEVICES:]))


def _with(devices: tuple[str, ...], device: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*devices, device]))[-_MOST_DEVICES:]


def _told(kept: Kept) -> tuple[Verdict, str]:
    return kept.verdict, kept.last.does


def _read_kept(trial: str, told: Mapping[str, object]) -> Kept:
    seen, by_device = told["seen"], told["by_device"]
    if not isinstance(seen, dict) or not isinstance(by_device, dict):
        raise ValueError(trial)
    verdict = Verdict(str(told["verdict"]))
    return Kept(
        mark(trial, told["claims"], told["does"], verdict, str(told["evidence"])),
        {Verdict(name): int(count) for name, count in seen.items()},
        {str(name): Verdict(one) for name, one in list(by_device.items())[-_MOST_DEVICES:]},
    )
