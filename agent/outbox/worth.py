"""What a filling outbox writes no more: the rule, as data. Pure.

A box that is cut off for weeks fills its outbox. What it gives up first is what the county misses least, and
it gives that up before it is written: it takes no sequence, leaves no hole, and is counted by kind in a
``shed`` record. What says that a device is down, an order was carried out or somebody stands in a closed
yard is written as long as there is room at all; only when there is none the oldest go, with a ``gap``
record (``docs/ref/log-protocol.md`` L9, L13).
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from typing import Final

from protocol.messages import Canary, Frozen, PassageCount, RecordingState, Scene
from protocol.words import Phase, SceneTopic

EPISODES_KEPT: Final = 4096


class Worth(IntEnum):
    """What the county misses least comes first."""

    CANARY = 0
    """Says that the way is open: it is not."""
    MOTION = 1
    """Something moved: its still shows it, and nothing is opened by it."""
    COUNT = 2
    """An hour's passages, a day's recordings: figures, no faults."""
    FACT = 3
    """Everything else."""


SHED_ABOVE: Final = {Worth.CANARY: 0.25, Worth.MOTION: 0.50, Worth.COUNT: 0.75}
"""Share of the outbox that waits, above which a kind is written no more."""


def worth(data: Frozen) -> Worth:
    """Of one entry."""
    match data:
        case Canary():
            return Worth.CANARY
        case Scene(topic=SceneTopic.MOTION):
            return Worth.MOTION
        case PassageCount() | RecordingState():
            return Worth.COUNT
        case _:
            return Worth.FACT


class Valve:
    """Decides for each entry; remembers which episodes were shed, so that none ends that never began, and
    none that began stays open."""

    def __init__(self) -> None:
        self._shed: OrderedDict[str, None] = OrderedDict()

    def sheds(self, data: Frozen, *, fill: float) -> bool:
        """Whether it is not to be written, with ``fill`` of the outbox waiting (0 to 1)."""
        if isinstance(data, Scene) and data.phase is Phase.END:
            return self._shed.pop(data.episode, _ABSENT) is not _ABSENT
        limit = SHED_ABOVE.get(worth(data))
        if limit is None or fill <= limit:
            return False
        if isinstance(data, Scene) and data.phase is Phase.START:
            self._shed[data.episode] = None
            while len(self._shed) > EPISODES_KEPT:
                self._shed.popitem(last=False)
        return True


_ABSENT: Final = object()
