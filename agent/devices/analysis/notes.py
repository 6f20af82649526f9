"""What is noted of a device's analysis stream: what was there before, what was left, and whether it works.

Law: written before anything is sent, struck when all is undone. A damaged note counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from agent.management import Value
from agent.ports import Notebook

TOPIC = "analysis_stream"


@dataclass(frozen=True, slots=True)
class Note:
    """``profile`` is the one to read, ``name`` what the device calls it, ``made`` whether it is ours;
    ``shared`` whether other profiles show the encoder too.

    ``before`` and ``left`` are the encoder's settings without prefix, as they were and as they were left.
    """

    profile: str = ""
    name: str = ""
    made: bool = False
    shared: bool = False
    encoder: str = ""
    before: Mapping[str, Value] = field(default_factory=dict)
    left: Mapping[str, Value] = field(default_factory=dict)
    verified: bool = False


class AnalysisNotes:
    """The notes of all devices, by ledger id. Thread-safe as the notebook is."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def read(self, device: str) -> Note | None:
        """The note of a device; None when there is none."""
        try:
            told = json.loads(self._notebook.noted(device, TOPIC) or "null")
            return None if told is None else _note(told)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, device: str, note: Note) -> None:
        """Keep a note. Raises StoreFull: then nothing may be sent."""
        self._notebook.note(device, TOPIC, json.dumps(asdict(note), ensure_ascii=False))

    def strike(self, device: str) -> None:
        """Everything is as it was."""
        self._notebook.strike(device, TOPIC)

    def encoder_of(self, device: str) -> str:
        """The encoder that is ours alone on a device, by its token; "" when there is none."""
        note = self.read(device)
        return note.encoder if note is not None and note.made and not note.shared else ""


def _note(told: Mapping[str, object]) -> Note:
    return Note(
        profile=_text(told, "profile"),
        name=_text(told, "name"),
        made=told["made"] is True,
        shared=told["shared"] is True,
        encoder=_text(told, "encoder"),
        before=_values(told, "before"),
        left=_values(told, "left"),
        verified=told["verified"] is True,
    )


def _text(told: Mapping[str, object], name: str) -> str:
    value = told[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _values(told: Mapping[str, object], name: str) -> dict[str, Value]:
    values = told[name]
    if not isinstance(values, dict):
        raise TypeError(name)
    return {str(key): value for key, value in values.items() if isinstance(value, str | int | float)}
