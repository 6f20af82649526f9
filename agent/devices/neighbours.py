"""The kernel's neighbour table: which MAC was last seen behind an address. Nothing is sent for it."""

from __future__ import annotations

from pathlib import Path

NEIGHBOURS = Path("/proc/net/arp")
_COMPLETE = 0x2


def neighbours(file: Path = NEIGHBOURS) -> dict[str, str]:
    """Address to ``XX-XX-XX-XX-XX-XX``; empty where there is no table. Routers stand for nobody behind them:
    only addresses of the box's own networks are in it."""
    try:
        lines = file.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return {}
    rows = (line.split() for line in lines)
    return {row[0]: row[3].upper().replace(":", "-") for row in rows if len(row) > 3 and _is_whole(row)}


def mac_at(host: str, file: Path = NEIGHBOURS) -> str | None:
    """The MAC behind one address; None when the kernel has not heard of it."""
    return neighbours(file).get(host)


def _is_whole(row: list[str]) -> bool:
    """Whether the kernel got an answer: an entry it still asks for, or gave up, may hold an old MAC."""
    try:
        flags = int(row[2], 16)
    except ValueError:
        return False
    return bool(flags & _COMPLETE) and row[3] != "00:00:00:00:00:00"
