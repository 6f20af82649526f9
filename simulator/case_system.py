"""Decides what a sample case system (a 110 or 12345 desk) takes in, keeps and answers.

Laws. Only what carries a valid Standard Webhooks signature of the last five minutes is taken. What was
answered with 2xx is on disk: SQLite, synchronous FULL, committed before the answer. An entry is told apart
by its `webhook-id`: the second time counts as a repetition and is answered like the first.
Source: Standard Webhooks 1.0 (webhook-id, webhook-timestamp, webhook-signature).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aiohttp import web

TOLERANCE_S: Final = 300.0
"""Older or more future timestamps are replays (Standard Webhooks recommends five minutes)."""
BODY_BYTES: Final = 256 * 1024
PAGE_ROWS: Final = 200
COUNTY_OFFSET_S: Final = 8 * 3600
"""Asia/Shanghai has had no other offset since 1991."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS received (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at_s REAL NOT NULL,
    last_at_s REAL NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0,
    sha256 TEXT NOT NULL,
    body TEXT NOT NULL
);
"""


class SignatureWrong(ValueError):
    """The call is not signed by who shares our secret, or it is a replay; the text says which."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float) -> str:
    """Check one call; answers its `webhook-id`. `secret` is `whsec_` and base64. Raises SignatureWrong."""
    try:
        identity, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        offered = headers["webhook-signature"].split()
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        age_s = now_s - int(stamp)
    except KeyError as error:
        raise SignatureWrong(f"header {error.args[0]} is missing") from error
    except (ValueError, binascii.Error) as error:
        raise SignatureWrong(f"timestamp or secret cannot be read: {error}") from error
    if abs(age_s) > TOLERANCE_S:
        raise SignatureWrong(f"timestamp is {age_s:.0f} s old, at most {TOLERANCE_S:.0f} are taken")
    signed = f"{identity}.{stamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    if not any(hmac.compare_digest(wanted, each) for each in offered):
        raise SignatureWrong("no signature fits this secret")
    return identity


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the desk misbehaves; the defaults are good behaviour."""

    status: int = 200
    """What is answered; anything but 2xx means: not taken."""
    delay_ms: int = 0
    keep: bool = False
    """With a bad status: keep the entry all the same, as when an answer is lost on the way."""
    times: int | None = None
    """For so many calls, then good behaviour again; None: until told otherwise."""

    @property
    def fails(self) -> bool:
        return not 200 <= self.status < 300


_LIMITS: Final[dict[str, tuple[int, int]]] = {
    "status": (100, 599),
    "delay_ms": (0, 60_000),
    "times": (1, 10_000),
}


def behaviour_of(wanted: Mapping[str, Any]) -> Behaviour:
    """Good behaviour with what is wanted otherwise. Raises ValueError naming the field."""
    for name, value in wanted.items():
        if name == "keep":
            if not isinstance(value, bool):
                raise ValueError(f"keep must be true or false, not {value!r}")
        elif name not in _LIMITS:
            raise ValueError(f"unknown: {name}; there are: keep, {', '.join(_LIMITS)}")
        elif isinstance(value, bool) or not isinstance(value, int) or not _within(value, _LIMITS[name]):
            raise ValueError(f"{name} must be from {_LIMITS[name][0]} to {_LIMITS[name][1]}, not {value!r}")
    return Behaviour(**wanted)


def _within(value: int, limits: tuple[int, int]) -> bool:
    return limits[0] <= value <= limits[1]


class Inbox:
    """What was received, in order, on disk."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def keep(self, identity: str, body: str, *, now_s: float) -> bool:
        """Keep an entry; False when it was here before. On return it is committed."""
        digest = hashlib.sha256(body.encode()).hexdigest()
        added = self._db.execute(
            "INSERT INTO received (id, at_s, last_at_s, sha256, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET repeats = repeats + 1, last_at_s = excluded.last_at_s,"
            " conflicts = conflicts + (sha256 != excluded.sha256) RETURNING repeats",
            (identity, now_s, now_s, digest, body),
        ).fetchall()
        return bool(added[0]["repeats"] == 0)

    def after(self, number: int, *, limit: int = 1000) -> list[dict[str, Any]]:
        """Entries with a larger number, oldest first; `number` is the order of arrival."""
        rows = self._db.execute(
            "SELECT * FROM received WHERE number > ? ORDER BY number LIMIT ?", (number, limit)
        )
        return [_told(row) for row in rows]

    def latest(self, limit: int) -> list[dict[str, Any]]:
        """The last entries, newest first."""
        rows = self._db.execute("SELECT * FROM received ORDER BY number DESC LIMIT ?", (limit,))
        return [_told(row) for row in rows]

    def totals(self) -> dict[str, int]:
        """Entries kept, calls that repeated one, and repetitions with another body."""
        row = self._db.execute(
            "SELECT count(*) AS entries, coalesce(sum(repeats), 0) AS repeats,"
            " coalesce(sum(conflicts), 0) AS conflicts FROM received"
        ).fetchone()
        return dict(row)

    def close(self) -> None:
        self._db.close()


def _told(row: sqlite3.Row) -> dict[str, Any]:
    event = json.loads(row["body"])
    return {
        "number": row["number"],
        "id": row["id"],
        "at": row["at_s"],
        "repeats": row["repeats"],
        "conflicts": row["conflicts"],
        "event": event,
    }


class Desk:
    """The handlers. `secret` is read at each call, because it is handed over after the desk was opened."""

    def __init__(self, inbox: Inbox, secret_file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._inbox = inbox
        self._secret_file = secret_file
        self._clock = clock
        self._behaviour = Behaviour()
        self._refused = 0

    def application(self) -> web.Application:
        """Routes of the desk."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_post("/webhook", self._webhook)
        app.router.add_get("/received", self._received)
        app.router.add_post("/behave", self._behave)
        app.router.add_get("/", self._page)
        return app

    async def _webhook(self, request: web.Request) -> web.Response:
        body, now_s = await request.read(), self._clock()
        behaviour = self._behave_once()
        await asyncio.sleep(behaviour.delay_ms / 1000)
        if behaviour.fails and not behaviour.keep:
            return web.json_response({"error": "told to misbehave"}, status=behaviour.status)
        try:
            identity = verify(self._secret(), request.headers, body, now_s=now_s)
            text = _event_text(body)
        except SignatureWrong as error:
            self._refused += 1
            return web.json_response({"error": str(error)}, status=401)
        except ValueError as error:
            self._refused += 1
            return web.json_response({"error": f"the body is no CloudEvents JSON: {error}"}, status=422)
        except OSError as error:
            return web.json_response({"error": f"no secret yet: {error.strerror}"}, status=503)
        fresh = self._inbox.keep(identity, text, now_s=now_s)
        return web.json_response({"ack": "received", "repeated": not fresh}, status=behaviour.status)

    def _secret(self) -> str:
        return self._secret_file.read_text("ascii").strip()

    def _behave_once(self) -> Behaviour:
        behaviour = self._behaviour
        if behaviour.times is not None:
            left = behaviour.times - 1
            self._behaviour = replace(behaviour, times=left) if left else Behaviour()
        return behaviour

    async def _received(self, request: web.Request) -> web.Response:
        try:
            after = int(request.query.get("after", "0"))
        except ValueError:
            return web.json_response({"error": "after must be a number"}, status=422)
        told = {"entries": self._inbox.after(after), "totals": self._totals()}
        return web.json_response(told)

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            wanted = await request.json()
            self._behaviour = behaviour_of(wanted if isinstance(wanted, dict) else {"": wanted})
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.json_response({"status": self._behaviour.status, "times": self._behaviour.times})

    async def _page(self, request: web.Request) -> web.Response:
        language = "en" if request.query.get("lang") == "en" else "zh"
        text = page(self._inbox.latest(PAGE_ROWS), self._totals(), language=language)
        return web.Response(text=text, content_type="text/html")

    def _totals(self) -> dict[str, int]:
        return {**self._inbox.totals(), "refused": self._refused}


def _event_text(body: bytes) -> str:
    event = json.loads(body)
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        raise ValueError("an object with an object `data` is expected")
    return body.decode()


# --- the page ----------------------------------------------------------------------------------

_WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "title": "示例事项系统（110 / 12345 值班台）",
        "heads": "到达时间,事项编号,类别,标题,状态,动作,重复",
        "totals": "收到 {entries} 条，重复投递 {repeats} 次，拒收 {refused} 次",
        "empty": "还没有收到任何事项。",
        "other": "English",
    },
    "en": {
        "title": "Sample case system (110 / 12345 desk)",
        "heads": "Arrived,Case,Category,Title,State,Step,Repeats",
        "totals": "{entries} entries received, {repeats} delivered again, {refused} refused",
        "empty": "Nothing has been received yet.",
        "other": "中文",
    },
}
_STYLE = (
    "body{font:15px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;margin:2rem;color:#1c2733}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d5dde5;padding:.35rem .6rem;"
    "text-align:left;vertical-align:top}th{background:#f2f5f8}h1{font-size:1.3rem}a{color:#0b5cad}"
)


def page(entries: list[dict[str, Any]], totals: Mapping[str, int], *, language: str) -> str:
    """What the person at the desk sees, newest first; reloads itself every three seconds."""
    words = _WORDS[language]
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in words["heads"].split(","))
    rows = "".join(_row(entry, language) for entry in entries)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else words["empty"]
    other = "zh" if language == "en" else "en"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="3"><title>{words["title"]}</title>'
        f"<style>{_STYLE}</style></head>"
        f"<body><h1>{words['title']}</h1><p>{words['totals'].format(**totals)} · "
        f'<a href="?lang={other}">{words["other"]}</a></p>{table}</body></html>'
    )


def _row(entry: Mapping[str, Any], language: str) -> str:
    event = entry["event"]
    data = event["data"]
    category = f"{data.get('category', '')} {data.get(f'category_{language}', '')}".strip()
    action = data.get("action_zh" if language == "zh" else "action", event.get("type", ""))
    cells = (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry["at"] + COUNTY_OFFSET_S)),
        data.get("case_no", ""),
        category,
        data.get(f"title_{language}", ""),
        data.get(f"state_{language}", ""),
        action,
        entry["repeats"] or "",
    )
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"


# --- life --------------------------------------------------------------------------------------


async def serve(
    *,
    host: str,
    port: int,
    secret_file: Path,
    store: Path,
    announce: Callable[[dict[str, Any]], None],
    stopping: asyncio.Event,
) -> None:
    """Serve until `stopping` is set. `announce` is told the address once it listens; port 0 takes any.

    Raises OSError when the port is taken, sqlite3.Error when the store cannot be used.
    """
    inbox = Inbox(store)
    runner = web.AppRunner(
        Desk(inbox, secret_file).application(), access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        announce(
            {"ready": True, "url": f"http://{host}:{bound}", "webhook": f"http://{host}:{bound}/webhook"}
        )
        await stopping.wait()
    finally:
        await runner.cleanup()
        inbox.close()
