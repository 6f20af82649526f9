"""How many different names a device may use in its XML.

libxml2 keeps every element and attribute name it ever met for the life of a thread; a device that invents
names makes the box grow for ever (measured: 60 kB a thousand names, never given back). An honest device needs
some hundreds. Law: what exceeds the bound is refused before it is parsed; names met before are free.
"""

from __future__ import annotations

import re
import threading

NAMES_OF_A_DEVICE = 2_000
"""Recorded: the richest answer (GetEventProperties) has 550, all answers of one device have 910."""
BYTES_OF_A_DEVICE = 64 * 1024
"""All its names together; recorded: 10 kB. Eight threads and 64 devices make that 32 MiB at the worst."""
_NAME = re.compile(
    rb"<\??([^\s<>/=\"'!?]++)"  # elements, processing instructions
    rb"|\s(xmlns[^\s<>/=\"']*+)\s*+=\s*+[\"']([^\"'<]*+)"  # prefixes and namespaces
    rb"|\s([^\s<>/=\"']++)\s*+="  # attributes
)
"""Every spelling the parser takes: a name it keeps and this does not count would be a way round the bound."""


class Vocabulary:
    """The names one device has used so far. Thread-safe; holds hashes, not names."""

    def __init__(self, most: int = NAMES_OF_A_DEVICE, *, most_bytes: int = BYTES_OF_A_DEVICE) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._known: set[int] = set()
        self._bytes = 0
        self._lock = threading.Lock()

    def admits(self, markup: bytes) -> bool:
        """Whether the names of this answer stay within the bounds; they count from then on."""
        with self._lock:
            fresh: set[int] = set()
            size = self._bytes
            for found in _NAME.finditer(markup):
                name = hash(found.groups())
                if name in self._known or name in fresh:
                    continue
                fresh.add(name)
                size += len(found[0])
                if len(self._known) + len(fresh) > self._most or size > self._most_bytes:
                    return False
            self._known |= fresh
            self._bytes = size
        return True
