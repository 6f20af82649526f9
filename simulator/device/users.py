"""Decides whether a name and a proof of its password are accepted, and when an account locks itself.

Law: only a wrong name or password counts as a wrong try; a locked account refuses the right password too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why credentials were not accepted; the control port counts by these words."""

    MISSING = "missing"
    UNKNOWN_USER = "unknown_user"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason, not a secret
    STALE = "stale"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class LockOut:
    """`after_tries` wrong passwords lock the account for `lasts_s`; 0 tries: never."""

    after_tries: int = 0
    lasts_s: float = 300.0


class Users:
    """The one account of a device. `monotonic` measures the lock-out."""

    def __init__(
        self,
        username: str,
        password: str,
        *,
        lock_out: LockOut,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.username = username
        self.password = password
        self.credentials_refused = False
        self._lock_out = lock_out
        self._monotonic = monotonic
        self._wrong_tries = 0
        self._locked_until: float | None = None

    def judge(self, username: str, proves: Callable[[str], bool]) -> Refusal | None:
        """None when accepted. `proves(password)` tells whether the proof was made with that password."""
        if self.locked():
            return Refusal.LOCKED
        if username != self.username:
            return self._wrong(Refusal.UNKNOWN_USER)
        if self.credentials_refused or not proves(self.password):
            return self._wrong(Refusal.WRONG_PASSWORD)
        self._wrong_tries = 0
        return None

    def locked(self) -> bool:
        """Whether the account is locked now; a lock that ran out is lifted."""
        if self._locked_until is None:
            return False
        if self._monotonic() < self._locked_until:
            return True
        self.unlock()
        return False

    def unlock(self) -> None:
        """Forget all wrong tries, as a restart does."""
        self._wrong_tries = 0
        self._locked_until = None

    def _wrong(self, refusal: Refusal) -> Refusal:
        self._wrong_tries += 1
        if self._lock_out.after_tries and self._wrong_tries >= self._lock_out.after_tries:
            self._locked_until = self._monotonic() + self._lock_out.lasts_s
        return refusal
