"""Whether two looks at a device saw the same device: its marks weighed against each other. Pure.

    endpoint reference  >  serial number with vendor  >  MAC

Law: an address is no mark. No single mark is trusted blindly: a firmware update makes a new endpoint
reference, OEM images carry one reference or one serial for a whole batch, a MAC may be absent or be another
interface's. Two marks that contradict each other are decided by the third; where nothing decides, the answer
is ``cannot tell``, and nobody acts on it. A mark that two devices of the ledger bear proves nothing by being
equal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.model import Identity

MOST_REFERENCES = 4
"""One told, one announced, and those before a firmware update."""
MOST_MACS = 8
"""Interfaces of one device that are remembered; a switch-like recorder has four."""
LONGEST = 128
_NOBODYS = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "01234567-dead-beef-baad-abcdeffedcba",  # recorded: the example of a kit, in whole product lines
    }
)
_NO_SERIALS = frozenset(
    {"none", "null", "unknown", "n/a", "na", "default", "serial", "serialnumber", "sn", "1234", "12345"}
    | {"123456", "1234567", "12345678", "123456789", "0123456789", "1234567890", "test", "ipcamera", "ipc"}
)
_SHORTEST_SERIAL = 4
_MAC = re.compile(r"(?:[0-9A-F]{2}-){5}[0-9A-F]{2}")


class Match(StrEnum):
    """What a comparison says."""

    SAME = "same"
    OTHER = "other"
    UNSURE = "cannot_tell"


class Sign(StrEnum):
    """How one mark compares."""

    EQUAL = "="
    DIFFERENT = "≠"
    ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a device can be told by; "" and empty where it is not known. ``made`` cleans them."""

    references: frozenset[str] = field(default_factory=frozenset)
    """Endpoint references, lower case, without ``urn:uuid:``. Some devices announce one and tell another."""
    vendor: str = ""
    serial: str = ""
    macs: frozenset[str] = field(default_factory=frozenset)
    """``XX-XX-XX-XX-XX-XX`` of every interface it was met by."""

    @property
    def is_empty(self) -> bool:
        """Nothing here tells a device from another."""
        return not (self.references or self.serial or self.macs)

    def __str__(self) -> str:
        serial = [" ".join(filter(None, (self.vendor, self.serial)))] if self.serial else []
        return ", ".join([*sorted(self.references), *serial, *sorted(self.macs)]) or "-"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A comparison and why it came out so: ``reference=, serial≠, mac-``."""

    match: Match
    why: str


@dataclass(frozen=True, slots=True)
class Common:
    """Marks that several devices of the ledger bear."""

    references: frozenset[str] = frozenset()
    serials: frozenset[tuple[str, str]] = frozenset()
    macs: frozenset[str] = frozenset()


NOTHING_COMMON = Common()


def made(
    *,
    reference: str = "",
    references: Iterable[str] = (),
    vendor: str = "",
    serial: str = "",
    macs: Iterable[str] = (),
) -> Marks:
    """Marks as devices tell them, cleaned: what is known to mean nothing is left out."""
    named = sorted({clean for one in (reference, *references) if (clean := _clean_reference(one))})
    usable = sorted({clean for mac in macs if (clean := _clean_mac(mac))})[:MOST_MACS]
    said = _clean_serial(serial)
    maker = vendor.strip().lower()[:LONGEST] if said else ""
    return Marks(frozenset(named[:MOST_REFERENCES]), maker, said, frozenset(usable))


def of_identity(identity: Identity) -> Marks:
    """The marks of a device that told who it is."""
    return made(
        reference=identity.endpoint_reference,
        vendor=identity.vendor,
        serial=identity.serial,
        macs=filter(None, [identity.mac_address]),
    )


def compare(known: Marks, met: Marks, *, common: Common = NOTHING_COMMON) -> Opinion:
    """Whether what was met is the device that is known."""
    signs = (_reference(known, met, common), _serial(known, met, common), _mac(known, met, common))
    why = f"reference{signs[0]} serial{signs[1]} mac{signs[2]}"
    return Opinion(TABLE[signs], why)


def after_log_in(known: Marks, met: Marks, opinion: Opinion) -> Opinion:
    """``opinion`` of one that let the box in and told all it tells: what it could not tell counts against it,
    for whoever lets anybody in would otherwise pass by saying little."""
    hides_serial = bool(known.serial) and not met.serial
    contradicts = bool(known.macs and met.macs) and not known.macs & met.macs
    if opinion.match is Match.UNSURE and (hides_serial or contradicts):
        return Opinion(Match.OTHER, opinion.why)
    return opinion


def may_be(known: Marks, met: Marks) -> bool:
    """Whether a device may be the known one: they share a mark, and nothing decides against it. A mark that
    several rows bear counts here, for they may be rows of one device."""
    serial = (known.vendor, known.serial) == (met.vendor, met.serial) if known.serial and met.serial else None
    if not (known.references & met.references or known.macs & met.macs or serial):
        return False
    match = compare(known, met).match
    return match is Match.SAME or (match is Match.UNSURE and serial is not False)


def merged(known: Marks, met: Marks) -> Marks:
    """What is known after a device was met that ``compare`` calls the same: the newer word counts."""
    vendor, serial = (met.vendor, met.serial) if met.serial else (known.vendor, known.serial)
    return Marks(
        _joined(known.references, met.references, MOST_REFERENCES),
        vendor,
        serial,
        _joined(known.macs, met.macs, MOST_MACS),
    )


def _joined(known: frozenset[str], met: frozenset[str], most: int) -> frozenset[str]:
    return met | frozenset(sorted(known - met)[: max(0, most - len(met))])


def common_of(ledger: Iterable[Marks]) -> Common:
    """Which marks more than one row bears."""
    rows = list(ledger)
    references = Counter(one for row in rows for one in row.references)
    serials = Counter((row.vendor, row.serial) for row in rows if row.serial)
    macs = Counter(mac for row in rows for mac in row.macs)
    return Common(
        frozenset(value for value, count in references.items() if count > 1),
        frozenset(pair for pair, count in serials.items() if count > 1),
        frozenset(mac for mac, count in macs.items() if count > 1),
    )


def recognised(met: Marks, ledger: Mapping[str, Marks]) -> tuple[str, ...]:
    """The rows that what was met may be taken for: one when it is clear, several when marks collide."""
    common = common_of(ledger.values())
    return tuple(
        name for name, known in ledger.items() if compare(known, met, common=common).match is Match.SAME
    )


def written(marks: Marks) -> str:
    """Marks as a document of the notebook."""
    told = {"vendor": marks.vendor, "serial": marks.serial}
    return json.dumps({"references": sorted(marks.references), **told, "macs": sorted(marks.macs)})


def read(document: str) -> Marks | None:
    """The marks of a document; None for one that is damaged."""
    try:
        told = json.loads(document)
        references, macs = ([str(each) for each in told.get(name, ())] for name in ("references", "macs"))
        vendor, serial = str(told.get("vendor", "")), str(told.get("serial", ""))
        return made(references=references, vendor=vendor, serial=serial, macs=macs)
    except (ValueError, AttributeError, TypeError):
        return None


_E, _D, _A = Sign.EQUAL, Sign.DIFFERENT, Sign.ABSENT
TABLE: Mapping[tuple[Sign, Sign, Sign], Match] = {
    (_E, _E, _E): Match.SAME,
    (_E, _E, _A): Match.SAME,
    (_E, _E, _D): Match.SAME,  # another interface, or a new network board
    (_E, _A, _E): Match.SAME,
    (_E, _A, _A): Match.SAME,
    (_E, _A, _D): Match.UNSURE,  # two interfaces of one device, or a cloned image
    (_E, _D, _E): Match.SAME,  # a firmware update that writes the serial differently
    (_E, _D, _A): Match.OTHER,  # a cloned image
    (_E, _D, _D): Match.OTHER,  # a cloned image
    (_A, _E, _E): Match.SAME,
    (_A, _E, _A): Match.SAME,
    (_A, _E, _D): Match.UNSURE,  # another interface, or one serial for a whole batch
    (_A, _A, _E): Match.SAME,
    (_A, _A, _A): Match.UNSURE,
    (_A, _A, _D): Match.OTHER,
    (_A, _D, _E): Match.UNSURE,  # the serial written differently, or a cloned MAC
    (_A, _D, _A): Match.OTHER,
    (_A, _D, _D): Match.OTHER,
    (_D, _E, _E): Match.SAME,  # a firmware update made a new reference
    (_D, _E, _A): Match.SAME,
    (_D, _E, _D): Match.OTHER,  # one serial for a whole batch
    (_D, _A, _E): Match.SAME,
    (_D, _A, _A): Match.OTHER,  # a new reference of the same is told by serial or MAC
    (_D, _A, _D): Match.OTHER,
    (_D, _D, _E): Match.OTHER,  # a MAC alone against both is a bridge's or a clone's
    (_D, _D, _A): Match.OTHER,
    (_D, _D, _D): Match.OTHER,
}
"""Every way three marks can compare. What weighs more is in the rows: see their reasons."""


def _reference(known: Marks, met: Marks, common: Common) -> Sign:
    return _of_sets(known.references, met.references, common.references)


def _serial(known: Marks, met: Marks, common: Common) -> Sign:
    if not known.serial or not met.serial:
        return _A
    mine, theirs = (known.vendor, known.serial), (met.vendor, met.serial)
    if mine != theirs:
        return _D
    return _A if mine in common.serials else _E


def _mac(known: Marks, met: Marks, common: Common) -> Sign:
    return _of_sets(known.macs, met.macs, common.macs)


def _of_sets(known: frozenset[str], met: frozenset[str], common: frozenset[str]) -> Sign:
    if not known or not met:
        return _A
    shared = known & met
    if not shared:
        return _D
    return _E if shared - common else _A


def _clean_reference(reference: str) -> str:
    plain = "".join(reference.split()).lower().removeprefix("urn:").removeprefix("uuid:").strip("{}")
    if plain in _NOBODYS or len(plain.replace("-", "")) < 12 or "/" in plain or ":" in plain:
        return ""
    return plain[:LONGEST]


def _clean_serial(serial: str) -> str:
    plain = " ".join(serial.split())[:LONGEST]
    bare = re.sub(r"[^a-z0-9]", "", plain.lower())
    if len(bare) < _SHORTEST_SERIAL or len(set(bare)) < 2 or bare in _NO_SERIALS:
        return ""
    return plain


def _clean_mac(mac: str) -> str:
    plain = mac.strip().upper().replace(":", "-")
    if not _MAC.fullmatch(plain) or plain in ("00-00-00-00-00-00", "FF-FF-FF-FF-FF-FF"):
        return ""
    return "" if int(plain[:2], 16) & 1 else plain
