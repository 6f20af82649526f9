"""Who is asking: accounts with sessions, API clients with tokens.

Laws: five wrong passwords lock an account for fifteen minutes, and a locked account does not even look
at the password. A session ends after fifteen minutes without a request, or after twelve hours. The
first message of a caller that cannot be identified is the same whatever was wrong with it.
Sources: graded-protection checks (5 failures, 15 min), ASVS 2.2.1, 3.3.1.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from controller.db import accounts, audit
from controller.db.transaction import Store
from controller.domain.refusals import Refused
from controller.domain.roles import PEOPLE, Caller, Role, scope_of
from controller.services.passwords import hash_password, new_token, password_matches, token_hash
from protocol.ids import is_id
from runtime.clock import Clock

WEIGHING: Final = 2
"""Passwords weighed at the same time: each costs 64 MiB and a core."""
WAITING: Final = 8
"""Requests that may wait for it, a fifth of the server's 40 threads: the rest serve who is signed in."""
FAILURES_TO_LOCK: Final = 5
LOCK: Final = timedelta(minutes=15)
IDLE: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=12)
TOUCH_EVERY: Final = timedelta(seconds=60)
"""A session's last use is written down at most this often: reading must not cost a write each time."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Where an account or client belongs: role, place (civil code prefix), category prefixes."""

    role: Role
    place: str = ""
    categories: tuple[str, ...] = ()


class SignIn:
    """Signs people in and out and recognises callers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._weighing = threading.BoundedSemaphore(WEIGHING)
        self._room = threading.BoundedSemaphore(WEIGHING + WAITING)

    # --- people --------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, *, remote: str) -> tuple[str, Caller]:
        """A fresh session token and who it stands for.

        Raises Refused(credentials_wrong, account_locked, sign_in_busy).

        The password is weighed outside the transaction, because it takes a tenth of a second; whether
        the account is locked is decided inside, so that a burst of guesses learns nothing from the
        sixth on.
        """
        with self._store.read() as connection:
            before = accounts.get(connection, login[:40])
        if before is not None and _locked(before, self._clock.now()):
            matches = False
        else:
            matches = self._weigh(None if before is None else before.password_hash, password)
        with self._store.write() as transaction:
            outcome = self._settle(transaction.connection, login[:40], matches=matches, remote=remote)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    def _weigh(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. Raises Refused(sign_in_busy) when too many wait already."""
        if not self._room.acquire(blocking=False):
            raise Refused("sign_in_busy", retry_after_s=2)
        try:
            with self._weighing:
                return password_matches(stored, password)
        finally:
            self._room.release()

    def _settle(
        self, connection: Connection, login: str, *, matches: bool, remote: str
    ) -> tuple[str, Caller] | Refused:
        now = self._clock.now()
        found = accounts.get(connection, login)
        outcome = self._outcome(connection, found, matches=matches, remote=remote)
        actor = "account:(unknown)" if found is None else f"account:{found.login}"
        code = outcome.code if isinstance(outcome, Refused) else None
        audit.append(
            connection,
            at=now,
            actor=actor,
            action="sign_in" if code is None else "sign_in_refused",
            subject=actor,
            detail=None if code is None else {"code": code},
            remote=remote,
        )
        return outcome

    def _outcome(
        self, connection: Connection, found: accounts.Account | None, *, matches: bool, remote: str
    ) -> tuple[str, Caller] | Refused:
        now = self._clock.now()
        if found is None:
            return Refused("credentials_wrong")
        if found.locked_until is not None and _locked(found, now):
            return _lock_refusal(found.locked_until - now)
        if not matches or found.disabled or self._expired(found):
            failures = found.failures + 1
            full = failures >= FAILURES_TO_LOCK
            accounts.set_failures(
                connection,
                found.id,
                failures=0 if full else failures,
                locked_until=now + LOCK if full else None,
            )
            return Refused("credentials_wrong")
        token = new_token("s")
        hashed = token_hash(token)
        accounts.set_failures(connection, found.id, failures=0, locked_until=None)
        accounts.add_session(
            connection, token_hash=hashed, account_id=found.id, at=now, expires_at=now + LONGEST
        )
        return token, _person(found, remote=remote, session=hashed)

    def _expired(self, found: accounts.Account) -> bool:
        return found.expires_at is not None and found.expires_at <= self._clock.now()

    def sign_out(self, caller: Caller) -> None:
        """End the caller's session."""
        if caller.session is None:
            return
        with self._store.write() as transaction:
            accounts.end_session(transaction.connection, caller.session)
            audit.append(
                transaction.connection,
                at=self._clock.now(),
                actor=caller.name,
                action="sign_out",
                subject=caller.name,
                remote=caller.remote,
            )

    def by_session(self, token: str, *, remote: str) -> Caller:
        """Who holds this session. Raises Refused(not_signed_in) when it is unknown or over."""
        hashed, now = token_hash(token), self._clock.now()
        with self._store.read() as connection:
            session = accounts.get_session(connection, hashed)
        if session is None or now >= session.expires_at or now - session.seen_at >= IDLE:
            raise Refused("not_signed_in")
        if session.account.disabled or self._expired(session.account):
            raise Refused("not_signed_in")
        if now - session.seen_at >= TOUCH_EVERY:
            with self._store.write() as transaction:
                accounts.touch_session(transaction.connection, hashed, at=now)
        return _person(session.account, remote=remote, session=hashed)

    def add_account(
        self,
        login: str,
        password: str,
        grant: Grant,
        *,
        title: str = "",
        lasts: timedelta | None = None,
        actor: str,
    ) -> None:
        """Register an account. Raises Refused(already_exists, input_invalid)."""
        if grant.role not in PEOPLE or not is_id(login):
            raise Refused(
                "input_invalid",
                zh=f"账号 {login!r} 须由小写字母、数字、短横组成，角色须为：{'、'.join(sorted(PEOPLE))}。",
                en=f"login {login!r} must match [a-z0-9-]{{1,40}}; roles: {', '.join(sorted(PEOPLE))}.",
            )
        hashed = hash_password(password)
        with self._store.write() as transaction:
            now = self._clock.now()
            if accounts.get(transaction.connection, login) is not None:
                raise Refused(
                    "already_exists", zh=f"账号 {login} 已存在。", en=f"Account {login} exists already."
                )
            accounts.add(
                transaction.connection,
                login=login,
                title=title or login,
                role=grant.role,
                civil_code=grant.place,
                categories=grant.categories,
                password_hash=hashed,
                expires_at=None if lasts is None else now + lasts,
                at=now,
            )
            audit.append(
                transaction.connection,
                at=now,
                actor=actor,
                action="account_added",
                subject=f"account:{login}",
                detail={"role": grant.role.value, "place": grant.place},
            )

    def set_password(self, login: str, password: str, *, actor: str) -> None:
        """Give an account a new password and end its sessions. Raises Refused(not_found, input_invalid)."""
        hashed = hash_password(password)
        with self._store.write() as transaction:
            if not accounts.set_password(transaction.connection, login, hashed):
                raise Refused("not_found", zh=f"没有账号 {login}。", en=f"There is no account {login}.")
            audit.append(
                transaction.connection,
                at=self._clock.now(),
                actor=actor,
                action="password_set",
                subject=f"account:{login}",
            )

    # --- API clients ---------------------------------------------------------------------------

    def add_client(self, client_id: str, grant: Grant, *, title: str = "", actor: str) -> str:
        """Register an API client; returns its token, which is never shown again."""
        if not is_id(client_id):
            raise Refused("input_invalid", en=f"client id {client_id!r} must match [a-z0-9-]{{1,40}}.")
        token = new_token("c")
        with self._store.write() as transaction:
            now = self._clock.now()
            if accounts.get_client(transaction.connection, client_id) is not None:
                raise Refused(
                    "already_exists",
                    zh=f"接口客户端 {client_id} 已存在。",
                    en=f"Client {client_id} exists already.",
                )
            accounts.add_client(
                transaction.connection,
                client_id=client_id,
                title=title or client_id,
                token_hash=token_hash(token),
                civil_code=grant.place,
                categories=grant.categories,
                at=now,
            )
            audit.append(
                transaction.connection,
                at=now,
                actor=actor,
                action="client_added",
                subject=f"client:{client_id}",
                detail={"place": grant.place, "categories": ",".join(grant.categories)},
            )
        return token

    def by_token(self, token: str, *, remote: str) -> Caller:
        """Which API client holds this token. Raises Refused(token_invalid)."""
        with self._store.read() as connection:
            client = accounts.get_client_by_token(connection, token_hash(token))
        if client is None or client.disabled:
            raise Refused("token_invalid")
        scope = scope_of(Role.API_CLIENT, place=client.civil_code, categories=client.categories)
        return Caller(Role.API_CLIENT, f"client:{client.id}", scope, client.title, remote)


def _lock_refusal(left: timedelta) -> Refused:
    wait_s = max(1, round(left.total_seconds()))
    return Refused(
        "account_locked",
        zh=f"口令连续错误 {FAILURES_TO_LOCK} 次，账号已锁定，请在 {wait_s // 60 + 1} 分钟后再试。",
        en=f"{FAILURES_TO_LOCK} wrong passwords in a row: try again in {wait_s // 60 + 1} minutes.",
        retry_after_s=wait_s,
    )


def _locked(found: accounts.Account, now: datetime) -> bool:
    return found.locked_until is not None and now < found.locked_until


def _person(found: accounts.Account, *, remote: str, session: str) -> Caller:
    scope = scope_of(found.role, place=found.civil_code, categories=found.categories)
    return Caller(found.role, f"account:{found.login}", scope, found.title, remote, session)
