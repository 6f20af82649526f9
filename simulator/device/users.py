"""Decides whether a name and a proof of its password are accepted, and when an account locks itself.

Law: only a wrong name or password counts as a wrong try; a locked device refuses the right password too. The
last administrator cannot be deleted or made less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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


class Level(StrEnum):
    """What an account may do (ONVIF Core 5.9.4), least first in ``rank``."""

    USER = "User"
    OPERATOR = "Operator"
    ADMINISTRATOR = "Administrator"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


class AccountRefused(ValueError):
    """A change of accounts is refused; ``code`` is the ONVIF fault word."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """One account."""

    username: str
    password: str
    level: Level


@dataclass(frozen=True, slots=True)
class LockOut:
    """`after_tries` wrong passwords lock the account for `lasts_s`; 0 tries: never."""

    after_tries: int = 0
    lasts_s: float = 300.0


MOST_USERS = 10
LONGEST_NAME = 32
LONGEST_PASSWORD = 16
SHORTEST_PASSWORD = 8


class Users:
    """The accounts of a device; the first is its administrator. `monotonic` measures the lock-out."""

    def __init__(
        self,
        username: str,
        password: str,
        *,
        lock_out: LockOut,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.username = username
        self._accounts = {username: Account(username, password, Level.ADMINISTRATOR)}
        self.credentials_refused = False
        self.caller: Account | None = None
        """Whose credentials were accepted last."""
        self._lock_out = lock_out
        self._monotonic = monotonic
        self._wrong_tries = 0
        self._locked_until: float | None = None

    @property
    def password(self) -> str:
        """The administrator's password."""
        return self._accounts[self.username].password

    def all(self) -> list[Account]:
        """Every account, the administrator first."""
        return list(self._accounts.values())

    def judge(self, username: str, proves: Callable[[str], bool]) -> Refusal | None:
        """None when accepted. `proves(password)` tells whether the proof was made with that password."""
        if self.locked():
            return Refusal.LOCKED
        account = self._accounts.get(username)
        if account is None:
            return self._wrong(Refusal.UNKNOWN_USER)
        if self.credentials_refused or not proves(account.password):
            return self._wrong(Refusal.WRONG_PASSWORD)
        self._wrong_tries = 0
        self.caller = account
        return None

    def create(self, username: str, password: str, level: str) -> None:
        """A new account. Raises AccountRefused."""
        if username in self._accounts:
            raise AccountRefused("UsernameClash", f"User {username} exists")
        if len(self._accounts) >= MOST_USERS:
            raise AccountRefused("TooManyUsers", f"More than {MOST_USERS} users")
        if not username or len(username) > LONGEST_NAME:
            raise AccountRefused("UsernameTooLong", f"Username longer than {LONGEST_NAME}")
        self._accounts[username] = Account(username, _password(password), _level(level))

    def change(self, username: str, password: str | None, level: str) -> None:
        """Another password, another level. Raises AccountRefused."""
        account = self._known(username)
        wanted = _level(level)
        if wanted is not Level.ADMINISTRATOR:
            self._keep_an_administrator(account)
        kept = account.password if password is None else _password(password)
        self._accounts[username] = replace(account, password=kept, level=wanted)

    def delete(self, username: str) -> None:
        """No such account any more. Raises AccountRefused."""
        account = self._known(username)
        self._keep_an_administrator(account)
        if username == self.username:
            raise AccountRefused("FixedUser", f"User {username} cannot be deleted")
        del self._accounts[username]

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

    def _known(self, username: str) -> Account:
        account = self._accounts.get(username)
        if account is None:
            raise AccountRefused("UsernameMissing", f"No such user: {username}")
        return account

    def _keep_an_administrator(self, leaving: Account) -> None:
        others = [one for one in self._accounts.values() if one != leaving]
        if not any(one.level is Level.ADMINISTRATOR for one in others):
            raise AccountRefused("FieldLocked", "The last administrator stays")


def _level(word: str) -> Level:
    try:
        return Level(word)
    except ValueError as error:
        raise AccountRefused("InvalidArgVal", f"UserLevel {word}") from error


def _password(password: str) -> str:
    if len(password) > LONGEST_PASSWORD:
        raise AccountRefused("PasswordTooLong", f"Password longer than {LONGEST_PASSWORD}")
    if len(password) < SHORTEST_PASSWORD:
        raise AccountRefused("PasswordTooWeak", f"Password shorter than {SHORTEST_PASSWORD}")
    return password
