"""Every background loop: a named thread, a step that does one unit and returns its pause.

Law: an expected failure logs one line when it begins and one when it ends, and backs off with full
jitter. A bug logs its traceback; the same loop failing by bugs ``FATAL_AFTER`` times in a row ends
the process through ``on_fatal``, and the supervisor starts it anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from runtime.backoff import Backoff
from runtime.metrics import WORKER_BUGS, WORKER_FAILURES

log = logging.getLogger(__name__)

FATAL_AFTER = 5
"""Consecutive bugs: with back-off between them some 10 s, long enough to pass over a hiccup."""


class Worker:
    """Runs ``step`` again and again on its own thread until stopped.

    ``step`` returns the seconds to pause before the next call (0: at once). Exceptions of ``expected``
    types are the world's; all others are bugs.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        *,
        expected: tuple[type[Exception], ...] = (),
        on_fatal: Callable[[str], None] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self._step = step
        self._expected = expected
        self._on_fatal = on_fatal
        self._backoff = backoff or Backoff()
        self._bugs = 0
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Cut the present pause short."""
        self._wake.set()

    @property
    def stopping(self) -> bool:
        """True once ``stop`` was called: a long step looks at it between units."""
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """Let the loop end after its present step; ``stop`` waits for it."""
        self._stopping.set()
        self._wake.set()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ask the loop to end and wait; returns whether it did."""
        self.ask_to_stop()
        if self._thread.ident is None or self._thread is threading.current_thread():
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("worker=%s did not stop within %.1f s", self.name, timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause_s = self._one_step()
            if pause_s > 0:
                self._wake.wait(pause_s)
            self._wake.clear()

    def _one_step(self) -> float:
        try:
            pause_s = self._step()
        except self._expected as error:
            return self._after_failure(error)
        except Exception:  # noqa: BLE001 - the loop must survive its step; logged and counted in _after_bug
            return self._after_bug()
        self._bugs = 0
        failures = self._backoff.reset()
        if failures:
            log.info("worker=%s works again after %d failures", self.name, failures)
        return pause_s

    def _after_failure(self, error: Exception) -> float:
        self._bugs = 0
        WORKER_FAILURES.labels(worker=self.name).inc()
        if self._backoff.failures == 0:
            log.warning("worker=%s failed, will retry: %s", self.name, error)
        return self._backoff.next_s()

    def _after_bug(self) -> float:
        self._bugs += 1
        WORKER_BUGS.labels(worker=self.name).inc()
        log.exception("worker=%s met a bug (%d of %d)", self.name, self._bugs, FATAL_AFTER)
        if self._bugs >= FATAL_AFTER and self._on_fatal is not None:
            self._stopping.set()
            self._on_fatal(self.name)
        return self._backoff.next_s()
