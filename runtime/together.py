"""Several slow endings at once, within one bound: what hangs holds up neither the others nor the caller."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)


def together(name: str, calls: Iterable[Callable[[], object]], *, within_s: float) -> bool:
    """Make every call on a thread of its own; returns within ``within_s``, True when all of them ended.

    A call that fails is logged. One that does not end is left to its (daemon) thread, and logged.
    """
    threads = [
        threading.Thread(target=_called, args=(name, call), name=f"{name}-{number}", daemon=True)
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    left = sum(thread.is_alive() for thread in threads)
    if left:
        log.warning("%s: %d of %d did not end within %.1f s", name, left, len(threads), within_s)
    return not left


def _called(name: str, call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        log.exception("%s: one of them failed", name)
