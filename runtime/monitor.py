"""The operator's pages of a process: /metrics, /healthz, /readyz, its own. Loopback unless told otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class Monitor:
    """Serves on its own thread.

    ``ready`` returns what is missing, one line each; an empty list means ready. /healthz answers 200
    while the process can answer at all; /readyz answers 503 with the list while something is missing.
    ``pages`` are further ones by path: each makes a JSON document when it is asked for.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ready: Callable[[], list[str]],
        registry: CollectorRegistry = REGISTRY,
        pages: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        handler = _handler_for(ready, registry, pages or {})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True)

    @property
    def port(self) -> int:
        """The port really bound."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join(5)
        self._server.server_close()


def _handler_for(
    ready: Callable[[], list[str]], registry: CollectorRegistry, pages: Mapping[str, Callable[[], object]]
) -> type[BaseHTTPRequestHandler]:
    listed = " ".join(("/metrics", "/healthz", "/readyz", *pages))

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path == "/healthz":
                self._answer(200, "application/json", b'{"status":"ok"}')
            elif self.path == "/readyz":
                missing = ready()
                body = json.dumps({"ready": not missing, "missing": missing}, ensure_ascii=False).encode()
                self._answer(503 if missing else 200, "application/json", body)
            elif self.path in pages:
                document = json.dumps(pages[self.path](), ensure_ascii=False)
                self._answer(200, "application/json", document.encode())
            else:
                self._answer(404, "text/plain", f"{listed}\n".encode())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence: scrapes are not events."""

    return Handler
