"""What happens in the county while its parts are killed: the story's matters, again and again, seeded."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any

from deploy.demo.county import County
from deploy.demo.doors import DoorClosed, DoorRefused
from deploy.demo.places import VILLAGES

Do = Callable[[], Any]


class Unrest:
    """Each matter has a thread that does and undoes it until ``calm``, which leaves everything mended."""

    def __init__(self, county: County, rng: random.Random) -> None:
        self._county = county
        self._over = threading.Event()
        first, second, third = VILLAGES
        line = county.lines[third.box]
        pairs: dict[str, tuple[Do, Do]] = {
            "intrusion": (self._play(f"{first.name}-gate"), lambda: None),
            "covered": self._fault(f"{first.name}-yard", "covered", on=True, off=False),
            "unplugged": self._fault(f"{second.name}-yard", "unplugged", on=True, off=False),
            "clock": self._fault(f"{second.name}-square", "clock_offset_s", on=300, off=0),
            "cut": (line.cut, line.join),
            "intrusion-in-the-dark": (self._play(f"{third.name}-gate"), lambda: None),
        }
        self._threads = [
            threading.Thread(
                target=self._loop,
                args=(*pair, random.Random(rng.random())),
                name=f"unrest-{name}",
                daemon=True,
            )
            for name, pair in pairs.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def calm(self) -> None:
        """Undo whatever is done, and end."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _loop(self, do: Do, undo: Do, rng: random.Random) -> None:
        while not self._over.wait(rng.uniform(0.5, 4.0)):
            with contextlib.suppress(DoorClosed, DoorRefused):
                do()
            self._over.wait(rng.uniform(5.0, 10.0))
            undo()

    def _play(self, device: str) -> Do:
        return lambda: self._county.control.send("POST", f"/devices/{device}/play", {"action": "intruder"})

    def _fault(self, device: str, switch: str, *, on: object, off: object) -> tuple[Do, Do]:
        path = f"/devices/{device}/faults"
        return (
            lambda: self._county.control.send("PATCH", path, {switch: on}),
            lambda: self._county.control.send("PATCH", path, {switch: off}),
        )
