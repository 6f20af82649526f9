"""How the demo speaks to the doors: JSON over loopback HTTP, standard library only, never through a proxy."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit


class DoorClosed(OSError):
    """Nobody answered, or not in time."""


class DoorRefused(RuntimeError):
    """An HTTP status other than 2xx; the text has method, path, status and the answer's beginning."""

    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        self.status = status
        super().__init__(f"{method} {path}: {status} {text[:300]}")


class Door:
    """One HTTP server. A connection a call: the server may be killed between two calls."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_s = timeout_s

    def get(self, path: str, *, timeout_s: float | None = None, **query: Any) -> Any:
        """GET; ``query`` values None are left out. Raises DoorClosed, DoorRefused."""
        given = {name: value for name, value in query.items() if value is not None}
        full = path + (f"?{urlencode(given, doseq=True)}" if given else "")
        return json.loads(self._ask("GET", full, None, {}, timeout_s)[1])

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """POST, PATCH, PUT or DELETE with a JSON body; the parsed answer, None when there is none."""
        text = self._ask(method, path, body, headers or {}, None)[1]
        return json.loads(text) if text else None

    def page(self, path: str, *, cookie: str | None = None) -> str:
        """An HTML page as text."""
        return self._ask("GET", path, None, {"Cookie": cookie} if cookie else {}, None)[1]

    def sign_in(self, login: str, password: str) -> str:
        """The session cookie of a person, as the ``Cookie`` header wants it."""
        answer, _ = self._ask("POST", "/v1/session", {"login": login, "password": password}, {}, None)
        cookies = answer.get_all("Set-Cookie") or []
        return "; ".join(cookie.partition(";")[0] for cookie in cookies)

    def _ask(
        self, method: str, path: str, body: Any, headers: dict[str, str], timeout_s: float | None
    ) -> tuple[http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s or self._timeout_s)
        origin = {"Origin": self.url} if method != "GET" else {}
        try:
            content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            kind = {"Content-Type": "application/json"} if content is not None else {}
            connection.request(method, path, content, {**self._headers, **kind, **origin, **headers})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise DoorClosed(f"{self.url}{path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise DoorRefused(method, path, answer.status, text)
        return answer.headers, text
