"""How many different names a device may use in its XML.

libxml2 keeps every element and attribute name it ever met for the life of a thread; a device that invents
names makes the box grow for ever (measured: 60 kB a thousand names, never given back). An honest device needs
some hundreds. Law: what exceeds the bound is refused before it is parsed; names met before are free.
"""

from __future__ import annotations

import re
import threading

NAMES_OF_A_DEVICE = 4_000
"""Recorded: the richest answer (GetEventProperties) has 550, all answers of one device have 910."""
_NAME = re.compile(
    rb"<([^\s<>/=\"'!?]{1,256})"  # elements
    rb"|\sxmlns[^\s<>=\"']{0,80}\s?=\s?[\"']([^\"'<>]{0,256})"  # namespaces, kept as well
    rb"|\s([^\s<>/=\"']{1,256})\s?=\s?[\"']"  # attributes
)


class Vocabulary:
    """The names one device has used so far. Thread-safe; holds hashes, not names."""

    def __init__(self, most: int = NAMES_OF_A_DEVICE) -> None:
        self._most = most
        self._known: set[int] = set()
        self._lock = threading.Lock()

    def admits(self, markup: bytes) -> bool:
        """Whether the names of this answer stay within the bound; they count from then on."""
        said = {hash(groups) for groups in _NAME.findall(markup)}
        with self._lock:
            if len(self._known | said) > self._most:
                return said <= self._known
            self._known |= said
        return True
