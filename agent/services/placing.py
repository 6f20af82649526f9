"""Which device of the ledger is where, given who was seen at which address. Pure.

    own address answers as the device ─────────────> stays
    own address dead, or another answers ─┬─ seen at one other host ─────> moves (two that cross: swapped)
                                          ├─ seen at several ────────────> collision, nobody moves
                                          ├─ looked at on its own host ──> moves to that port of its scheme
                                          └─ seen nowhere ───────────────> stays lost, maybe a stranger there

Law: nobody moves on a doubt. An address that was not looked at is asked first; marks that fit two rows, and
an address that changes hands to and fro, move nobody. A host is one place: whoever is met there under several
ports has two doors, not two places. The port of a row changes only to one of its own scheme, else it is kept,
as ``agent.devices.address`` has it for returned addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.marks import Common, Marks, Match, common_of, compare

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class Row:
    """One device of the ledger. ``failing``: its last climb did not let the box in."""

    marks: Marks
    address: Address
    failing: bool = False
    tls: bool = False
    port_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A device is elsewhere; ``swapped`` with one whose address it took and which moves as well."""

    device: str
    was: Address
    to: Address
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class Collision:
    """Marks or addresses that cannot be told apart: one device at several addresses, or several at one."""

    devices: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from what was seen. ``ask``: addresses to look at before more can be said."""

    moves: tuple[Move, ...] = ()
    collisions: tuple[Collision, ...] = ()
    ask: tuple[Address, ...] = ()
    strangers: tuple[tuple[str, Address], ...] = ()
    """Rows at whose address somebody answers who is in no row."""


def placed(
    rows: Mapping[str, Row],
    seen: Mapping[Address, Marks | None],
    *,
    contested: frozenset[Address] = frozenset(),
    announced: Mapping[Address, bool] | None = None,
    looked: frozenset[Address] = frozenset(),
) -> Plan:
    """Decide. ``seen`` has the marks of whoever answered at an address, None where nobody did. ``announced``
    says of addresses whether TLS is spoken there; without a word it is as the row has it. ``looked`` are the
    addresses where somebody was asked: the others are known by an announcement alone."""
    common = common_of(row.marks for row in rows.values())
    claims = {address: _claimants(rows, met, common) for address, met in seen.items()}
    collisions = [Collision(ids, (address,)) for address, ids in claims.items() if len(ids) > 1]
    moves: list[Move] = []
    ask: list[Address] = []
    strangers: list[tuple[str, Address]] = []
    schemes = {row.address: row.tls for row in rows.values()} | dict(announced or {})
    for name, row in rows.items():
        homes = tuple(address for address, ids in claims.items() if ids == (name,))
        if len({host for host, _ in homes}) > 1:
            collisions.append(Collision((name,), homes))
        elif homes and row.address not in homes:
            to = _door(row, homes, schemes)
            if row.address not in seen:
                ask.append(row.address)
            elif to == row.address or contested & {row.address, to}:
                continue
            elif to[0] == row.address[0] and to not in looked:
                ask.append(to)
            elif _left(row, seen[row.address], common):
                moves.append(Move(name, row.address, to))
        elif not homes and _is_stranger(row, seen, claims, common):
            strangers.append((name, row.address))
    told = tuple(replace(one, swapped=any(_takes(one, other) for other in moves)) for one in moves)
    return Plan(told, tuple(collisions), tuple(dict.fromkeys(ask)), tuple(strangers))


def _door(row: Row, homes: Sequence[Address], schemes: Mapping[Address, bool]) -> Address:
    """Where the row is to be asked at the one host at which it was met."""
    host, port = homes[0][0], row.address[1]
    fitting = [] if row.port_forwarded else [one for one in homes if schemes.get(one, row.tls) == row.tls]
    return (host, port) if (host, port) in fitting or not fitting else fitting[0]


def _takes(one: Move, other: Move) -> bool:
    """Whether a move goes to the place another one leaves."""
    return one.to == other.was or one.was[0] != one.to[0] == other.was[0]


def _claimants(rows: Mapping[str, Row], met: Marks | None, common: Common) -> tuple[str, ...]:
    if met is None:
        return ()
    return tuple(
        name for name, row in rows.items() if compare(row.marks, met, common=common).match is Match.SAME
    )


def _left(row: Row, met: Marks | None, common: Common) -> bool:
    """Whether the device is surely not where it was: nobody there, another there, or one that shows nothing
    and does not let the box in."""
    if met is None:
        return True
    match = compare(row.marks, met, common=common).match
    return match is Match.OTHER or (match is Match.UNSURE and row.failing)


def _is_stranger(
    row: Row,
    seen: Mapping[Address, Marks | None],
    claims: Mapping[Address, tuple[str, ...]],
    common: Common,
) -> bool:
    met = seen.get(row.address)
    if met is None or claims[row.address]:
        return False
    return compare(row.marks, met, common=common).match is Match.OTHER
