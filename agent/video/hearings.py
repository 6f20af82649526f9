"""What the box has measured of each stream's packet gate, kept over restarts. Law: what cannot be read is
measured anew; a device taken out of care is written no more.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import Final

from agent.ports import Notebook
from agent.video.agreement import Agreement

log = logging.getLogger(__name__)

TOPIC: Final = "hearing"
KEEP_S: Final = 1800.0
"""What a power cut may cost. Each write waits for the disk."""


class Hearings:
    """The counts of every stream by ledger id. From any thread."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._lock = threading.Lock()
        self._live: dict[str, Agreement] = {}
        self._written: dict[str, str] = {}

    def of(self, device: str) -> Agreement:
        """The counts of a device's stream, to go on with; opened again they are the same."""
        with self._lock:
            if device not in self._live:
                self._live[device] = self._read(device)
            return self._live[device]

    def drop(self, device: str) -> None:
        """It is out of care. What is written of it goes with all else that was learned."""
        with self._lock:
            self._live.pop(device, None)
            self._written.pop(device, None)

    def step(self) -> float:
        """Write what changed; returns the pause. Raises StoreFull."""
        with self._lock:
            for device, agreement in self._live.items():
                document = json.dumps(agreement.counts)
                if document != self._written.get(device):
                    self._notebook.note(device, TOPIC, document)
                    self._written[device] = document
        return KEEP_S

    def _read(self, device: str) -> Agreement:
        document = self._notebook.noted(device, TOPIC)
        if document is None:
            self._written[device] = json.dumps(Agreement().counts)
            return Agreement()
        try:
            agreement = Agreement.of(json.loads(document))
        except ValueError as error:
            log.warning("device=%s what its packet gate is worth is measured anew: %s", device, error)
            return Agreement()
        self._written[device] = document
        return agreement
