"""Which announcements become rows of the ledger, and what is left out. Pure.

Law: a row's id comes from a mark, never from an address. What bears a mark of the ledger is no new device: it
is one that moved, one with two interfaces, or a clone, and none of them makes a second row. A host that
announces hundreds of devices gets ``MOST_OF_A_HOST`` rows, and what was left out is counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.marks import Marks
from agent.ports import Found
from agent.services.moving_words import marks_of

MOST_DEVICES = 256
"""Rows of one box, as many as its configuration may have; design size is 64."""
MOST_OF_A_HOST = 4
"""New rows of one host: a recorder announces itself, some announce a few channels."""


@dataclass(frozen=True, slots=True)
class Admission:
    """``taken``: announcements with the ids their rows get. ``dropped``: host to how many were left out."""

    taken: Sequence[tuple[Found, str]] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)


def admitted(
    announced: Sequence[Found], ledger: Mapping[str, Marks], *, hosts: frozenset[str], room: int
) -> Admission:
    """Decide. ``hosts`` are addresses of the ledger: who answers there has a row or is a stranger in its
    place. ``room`` is how many rows may still be made."""
    references = {one for known in ledger.values() for one in known.references}
    macs = {mac for known in ledger.values() for mac in known.macs}
    taken: dict[str, Found] = {}
    dropped: Counter[str] = Counter()
    of_host: Counter[str] = Counter()
    for found in announced:
        met = marks_of(found)
        if found.host in hosts or met.references & references or (not met.references and met.macs & macs):
            continue
        name = name_of(met)
        if not name or of_host[found.host] >= MOST_OF_A_HOST or len(taken) >= room:
            dropped[found.host] += 1
        elif name not in ledger and name not in taken:
            taken[name] = found
            of_host[found.host] += 1
    return Admission([(found, name) for name, found in taken.items()], dict(dropped))


def where_met(
    announced: Sequence[Found], knocked: Sequence[Found], *, shut: frozenset[str]
) -> Sequence[Found]:
    """What a search found, each where it can be spoken to.

    ``shut`` are hosts that announce ports they do not serve: a device with HTTPS alone may announce a plain
    address. Where knocking met ONVIF at one, that is the place, with the marks of the announcement; elsewhere
    the announcement stands.
    """
    doors = {one.host: one for one in knocked}
    behind = {one.host for one in announced if one.host in shut}
    placed = [_through(doors[one.host], one) if one.host in shut & doors.keys() else one for one in announced]
    return [*placed, *(one for one in knocked if one.host not in behind)]


def _through(door: Found, announced: Found) -> Found:
    mac = announced.mac_address or door.mac_address
    return replace(announced, port=door.port, tls=door.tls, mac_address=mac)


def name_of(met: Marks) -> str:
    """The ledger id of a device found: from its reference, else from its MAC; "" when it has neither."""
    if met.references:
        return _name(f"urn:uuid:{min(met.references)}")
    return _name("mac:" + min(met.macs)) if met.macs else ""


def _name(mark: str) -> str:
    return "cam-" + hashlib.sha256(mark.encode()).hexdigest()[:12]
