"""Tells the story from beginning to end in a county that is up, and reckons up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.demo.county import County
from deploy.demo.parts import PartFailed
from deploy.demo.places import VILLAGES
from deploy.demo.reckoning import Reckoning, beginning, compare
from deploy.demo.story import Player, Record, Stage, Step, story
from deploy.demo.witness import FeedEntry, Witness

STORY_S: Final = 110.0
"""Longer than every step with all its deadlines needs when nothing is wrong."""
QUIET_S: Final = 3.0
"""Without a new entry for so long, there is no more to tell."""
SETTLE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """The steps as they were meant, as they went, and what does not add up."""

    steps: tuple[Step, ...]
    records: Sequence[Record]
    reckoning: Reckoning


def tell(county: County, *, progress: Callable[[Sequence[Record]], None] = lambda _: None) -> Told:
    """Play every step, wait for silence, compare. ``progress`` is called four times a second."""
    witness = Witness(
        outboxes={village.box: county.folders.outbox(village) for village in VILLAGES},
        api=lambda: county.api,
        desk=lambda: county.desk,
    )
    witness.start()
    stage = Stage(county, witness)
    player = Player(stage, story())
    try:
        stage.sign_in()
        before = _settled(witness, least=len(beginning()))
        player.start()
        deadline = time.monotonic() + STORY_S
        while not player.over and time.monotonic() < deadline:
            progress(player.records)
            player.join(0.25)
        after = _settled(witness, least=len(before))[len(before) :]
        return Told(player.steps, player.records, _reckon(county, player, before, after))
    finally:
        player.stop()
        witness.stop()


def _settled(witness: Witness, *, least: int) -> list[FeedEntry]:
    """The feed once it has that many entries and has been quiet for a while; after ``SETTLE_S`` as it is."""
    deadline, seen, since = time.monotonic() + SETTLE_S, -1, time.monotonic()
    while time.monotonic() < deadline:
        count = len(witness.feed)
        if count != seen:
            seen, since = count, time.monotonic()
        if seen >= least and time.monotonic() - since >= QUIET_S:
            break
        time.sleep(0.1)
    return list(witness.feed)


def _reckon(
    county: County, player: Player, before: Sequence[FeedEntry], after: Sequence[FeedEntry]
) -> Reckoning:
    reckoning = compare(
        player.steps,
        player.records,
        before=before,
        after=after,
        desk=county.desk.get("/received")["entries"],
        incidents=county.api.get("/v1/incidents", limit=100)["items"],
    )
    try:
        county.administrator.check()
    except PartFailed as error:
        reckoning.unexpected.append(str(error))
    return reckoning
