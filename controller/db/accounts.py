"""Accounts of people, their sessions, and API clients.

Law: of a token only its hash is here; what a database thief finds signs nobody in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from controller.db.tables import account, api_client, web_session
from controller.domain.roles import Role


@dataclass(frozen=True, slots=True)
class Account:
    """One account as stored."""

    id: int
    login: str
    title: str
    role: Role
    civil_code: str
    categories: tuple[str, ...]
    password_hash: str
    disabled: bool
    failures: int
    locked_until: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """One session with its account."""

    account: Account
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Client:
    """One API client as stored."""

    id: str
    title: str
    civil_code: str
    categories: tuple[str, ...]
    disabled: bool


def get(connection: Connection, login: str) -> Account | None:
    """The account of that login."""
    row = connection.execute(select(account).where(account.c.login == login)).mappings().first()
    return None if row is None else _account(row)


def add(
    connection: Connection,
    *,
    login: str,
    title: str,
    role: Role,
    civil_code: str,
    categories: tuple[str, ...],
    password_hash: str,
    expires_at: datetime | None,
    at: datetime,
) -> None:
    """Store a new account."""
    connection.execute(
        insert(account).values(
            login=login,
            title=title,
            role=role.value,
            civil_code=civil_code,
            categories=list(categories),
            password_hash=password_hash,
            expires_at=expires_at,
            created_at=at,
        )
    )


def set_password(connection: Connection, login: str, password_hash: str) -> bool:
    """Replace the password, lift a lock and end every session; False when there is no such login."""
    found = get(connection, login)
    if found is None:
        return False
    connection.execute(
        update(account)
        .where(account.c.id == found.id)
        .values(password_hash=password_hash, failures=0, locked_until=None)
    )
    connection.execute(delete(web_session).where(web_session.c.account_id == found.id))
    return True


def set_failures(
    connection: Connection, account_id: int, *, failures: int, locked_until: datetime | None
) -> None:
    """Remember wrong passwords in a row."""
    connection.execute(
        update(account).where(account.c.id == account_id).values(failures=failures, locked_until=locked_until)
    )


def add_session(
    connection: Connection, *, token_hash: str, account_id: int, at: datetime, expires_at: datetime
) -> None:
    """Store a new session, and drop those of this account that are over."""
    connection.execute(
        delete(web_session).where(web_session.c.account_id == account_id, web_session.c.expires_at <= at)
    )
    connection.execute(
        insert(web_session).values(
            token_hash=token_hash, account_id=account_id, created_at=at, seen_at=at, expires_at=expires_at
        )
    )


def get_session(connection: Connection, token_hash: str) -> Session | None:
    """The session of that token hash, with its account."""
    query = (
        select(
            account,
            web_session.c.created_at.label("session_created_at"),
            web_session.c.seen_at,
            web_session.c.expires_at.label("session_expires_at"),
        )
        .join(account, account.c.id == web_session.c.account_id)
        .where(web_session.c.token_hash == token_hash)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Session(_account(row), row["session_created_at"], row["seen_at"], row["session_expires_at"])


def touch_session(connection: Connection, token_hash: str, *, at: datetime) -> None:
    """Remember that the session was used."""
    connection.execute(update(web_session).where(web_session.c.token_hash == token_hash).values(seen_at=at))


def end_session(connection: Connection, token_hash: str) -> None:
    """Forget a session."""
    connection.execute(delete(web_session).where(web_session.c.token_hash == token_hash))


def add_client(
    connection: Connection,
    *,
    client_id: str,
    title: str,
    token_hash: str,
    civil_code: str,
    categories: tuple[str, ...],
    at: datetime,
) -> None:
    """Store a new API client."""
    connection.execute(
        insert(api_client).values(
            id=client_id,
            title=title,
            token_hash=token_hash,
            civil_code=civil_code,
            categories=list(categories),
            created_at=at,
        )
    )


def get_client(connection: Connection, client_id: str) -> Client | None:
    """The API client of that id."""
    row = connection.execute(select(api_client).where(api_client.c.id == client_id)).mappings().first()
    return None if row is None else _client(row)


def get_client_by_token(connection: Connection, token_hash: str) -> Client | None:
    """The API client whose token has that hash."""
    query = select(api_client).where(api_client.c.token_hash == token_hash)
    row = connection.execute(query).mappings().first()
    return None if row is None else _client(row)


def _account(row: RowMapping) -> Account:
    return Account(
        id=row["id"],
        login=row["login"],
        title=row["title"],
        role=Role(row["role"]),
        civil_code=row["civil_code"],
        categories=tuple(row["categories"]),
        password_hash=row["password_hash"],
        disabled=row["disabled"],
        failures=row["failures"],
        locked_until=row["locked_until"],
        expires_at=row["expires_at"],
    )


def _client(row: RowMapping) -> Client:
    return Client(row["id"], row["title"], row["civil_code"], tuple(row["categories"]), row["disabled"])
