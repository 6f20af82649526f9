"""The latest values a device tells of itself: processor, last restart, clock, temperature, failed parts.

Law: state is kept, not logged; one value a name and source, ``READINGS`` a device; written to the notebook
now and then, so that the command line sees what the service knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from agent.devices.page import Page
from agent.devices.topic_parsers import percent_of
from agent.model import DeviceReading
from agent.ports import Notebook

NOTE_TOPIC: Final = "device_state"
READINGS: Final = 48
DEVICES: Final = 256
USAGE: Final = "processor_usage"

_Values = dict[tuple[str, str], DeviceReading]


class _State:
    def __init__(self, page: Page) -> None:
        document = page.read()
        self.page = page
        self.values = _read(document)
        self.says_percent = document.get("says_percent") is True


class StateBook:
    """The states of all devices. Thread-safe."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        self._notebook = notebook
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def take(self, device: str, readings: Iterable[DeviceReading]) -> Sequence[DeviceReading]:
        """Keep the latest of each; returns them, usage in percent. Past the bound new names are ignored."""
        taken: list[DeviceReading] = []
        with self._lock:
            state = self._state(device)
            if state is None:
                return taken
            for reading in readings:
                read = self._in_percent(state, reading)
                key = (read.name, read.source)
                if key in state.values or len(state.values) < READINGS:
                    state.values[key] = read
                    taken.append(read)
            turned = any(isinstance(read.value, bool) for read in taken)
            if taken and state.page.due(urgent=turned):
                state.page.write(_document(state))
        return taken

    def forget(self, device: str) -> None:
        """The device is no longer looked after."""
        with self._lock:
            self._states.pop(device, None)

    def flush(self, device: str) -> None:
        """Write what is known of a device, if anything."""
        with self._lock:
            state = self._states.get(device)
            if state is not None:
                state.page.write(_document(state))

    def of(self, device: str) -> Sequence[DeviceReading]:
        """The latest values by name and source, as this process or the box's service heard them."""
        with self._lock:
            state = self._states.get(device)
            values = dict(state.values) if state is not None else None
        if values is None:
            values = _read(Page(self._notebook, device, NOTE_TOPIC).read())
        return [values[key] for key in sorted(values)]

    def _state(self, device: str) -> _State | None:
        if device not in self._states:
            if len(self._states) >= DEVICES:
                return None
            self._states[device] = _State(Page(self._notebook, device, NOTE_TOPIC))
        return self._states[device]

    @staticmethod
    def _in_percent(state: _State, reading: DeviceReading) -> DeviceReading:
        if reading.name != USAGE or not isinstance(reading.value, float):
            return reading
        state.says_percent = state.says_percent or reading.value > 1.0
        return replace(reading, value=percent_of(reading.value, says_percent=state.says_percent))


def _document(state: _State) -> dict[str, object]:
    rows = [
        [one.name, one.source, *_written(one.value), one.unit, one.time.isoformat()]
        for one in state.values.values()
    ]
    return {"readings": rows, "says_percent": state.says_percent}


def _written(value: float | bool | datetime | None) -> tuple[str, object]:
    if isinstance(value, datetime):
        return "time", value.isoformat()
    return "plain", value


def _read(document: Mapping[str, object]) -> _Values:
    """What was written; a row that cannot be read is left out."""
    rows = document.get("readings")
    values: _Values = {}
    for row in rows[:READINGS] if isinstance(rows, list) else ():
        try:
            name, source, kind, value, unit, time = row
            read = DeviceReading(
                str(name),
                datetime.fromisoformat(value).astimezone(UTC) if kind == "time" else _plain(value),
                datetime.fromisoformat(time).astimezone(UTC),
                unit=str(unit),
                source=str(source),
            )
        except (TypeError, ValueError):
            continue
        values[read.name, read.source] = read
    return values


def _plain(value: object) -> float | bool | None:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return float(value)
    raise ValueError(value)
