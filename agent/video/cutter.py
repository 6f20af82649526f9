"""Ends a read that libav is in, from another thread. Law: only a socket that is certainly the stream's own.

PyAV's read timeout asks Python for the time at every read of the socket, six times for each RTP packet. With
64 streams of 1280x720 the threads waited for the interpreter 50,000 times a second: reading took 615 us a
picture instead of 179, and pictures were judged 8 s late instead of 0.1. libav's own timeout ends silence
without asking anybody; what it does not end, a device that sends a byte a second, is cut here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
import threading
import weakref
from collections.abc import Collection, Iterator
from pathlib import Path

_lock = threading.Lock()
_claimed: set[int] = set()
"""Inodes of sockets that belong to a cutter."""


class Cutter:
    """Holds a stream's socket. Thread-safe."""

    def __init__(self, held: socket.socket, inode: int) -> None:
        self._lock = threading.Lock()
        self._held: socket.socket | None = held
        self._inode = inode

    def cut(self) -> None:
        """Whoever reads or writes it gets an end at once; no effect after ``close``."""
        with self._lock, contextlib.suppress(OSError):
            if self._held is not None:
                self._held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket; idempotent."""
        with self._lock:
            held, self._held = self._held, None
        if held is not None:
            held.close()
            with _lock:
                _claimed.discard(self._inode)


class Turn:
    """Streams of one address are opened one after the other: each new socket to it is then the stream's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_turns: weakref.WeakValueDictionary[tuple[str, int], Turn] = weakref.WeakValueDictionary()


def turn_at(host: str, port: int) -> Turn:
    """The turn of an address; whoever waits for it holds on to it."""
    with _lock:
        turn = _turns.get((host, port)) or Turn()
        _turns[host, port] = turn
        return turn


def claim(host: str, port: int) -> Cutter | None:
    """Take the one socket of this process to that address that nobody has claimed; None when there is none,
    or more than one, or when ``host`` is a name."""
    try:
        peer = str(ipaddress.ip_address(host)), port
    except ValueError:
        return None
    with _lock:
        found = list(_sockets_to(peer, but=_claimed))
        if len(found) != 1:
            for held, _ in found:
                held.close()
            return None
        held, inode = found[0]
        _claimed.add(inode)
        return Cutter(held, inode)


def _sockets_to(peer: tuple[str, int], *, but: Collection[int]) -> Iterator[tuple[socket.socket, int]]:
    """Copies of this process's sockets that are connected to an address, each once; no inode of ``but``."""
    seen = set(but)
    for entry in Path("/proc/self/fd").iterdir():
        try:
            number = int(entry.name)
            facts = os.fstat(number)
            if not stat.S_ISSOCK(facts.st_mode) or facts.st_ino in seen:
                continue
            copy = socket.socket(fileno=os.dup(number))
        except (OSError, ValueError):
            continue
        try:
            there = copy.getpeername()
            matches = isinstance(there, tuple) and (str(there[0]), there[1]) == peer
        except OSError:
            matches = False
        if matches:
            seen.add(facts.st_ino)
            yield copy, facts.st_ino
        else:
            copy.close()
