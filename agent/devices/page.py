"""One document of a device in the notebook, written now and then: no change of it is worth a write."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

from agent.errors import StoreFull
from agent.ports import Notebook

EVERY_S = 600.0
"""At most one write in so long, but for what is urgent: 64 devices are then one write in nine seconds."""
URGENT_S = 30.0


class Page:
    """Not thread-safe: whoever owns it locks. Without a notebook nothing is remembered."""

    def __init__(
        self,
        notebook: Notebook | None,
        device: str,
        topic: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notebook = notebook
        self._device = device
        self._topic = topic
        self._monotonic = monotonic
        self._written_s: float | None = None

    def read(self) -> dict[str, object]:
        """What was written last; empty when there is nothing, or nothing that can be read."""
        text = None if self._notebook is None else self._notebook.noted(self._device, self._topic)
        return parsed(text)

    def due(self, *, urgent: bool) -> bool:
        """Whether it may be written now."""
        if self._written_s is None:
            return True
        return self._monotonic() - self._written_s >= (URGENT_S if urgent else EVERY_S)

    def write(self, document: dict[str, object]) -> None:
        """Write it; a full disk loses it, and it comes again."""
        self._written_s = self._monotonic()
        if self._notebook is not None:
            with contextlib.suppress(StoreFull):
                self._notebook.note(self._device, self._topic, json.dumps(document, ensure_ascii=False))


def parsed(text: str | None) -> dict[str, object]:
    """A document of the notebook; empty when it is none or damaged."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
