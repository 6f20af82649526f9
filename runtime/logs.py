"""One event a line, whatever is in it; subject first, no credential ever.

``configure_logs`` is called once by each ``__main__``. Text for people at a terminal, JSON lines for
journals. A URI's user part is cut out of every line here as the last resort; the rooms that handle
credentials keep them out of messages in the first place.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import TextIO

_CREDENTIALS = re.compile(r"://[^/\s@]*@")


def redact(text: str) -> str:
    """``text`` with the user part of every URI replaced by ``***``."""
    return _CREDENTIALS.sub("://***@", text)


class TextFormatter(logging.Formatter):
    """``2026-11-23T01:05:12.345Z INFO  agent.reporter box=b1 …``; UTC. A message stays on its line."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_stamp(record)} {record.levelname:<7} {record.name} {_one_line(record.getMessage())}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _stamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


def configure_logs(*, level: str = "INFO", as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send all loggers to ``stream`` (standard error by default) in one format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in (
        "urllib3",
        "httpx",
        "httpcore",
        "uvicorn.access",
        "libav",
        "alembic.runtime.plugins",
    ):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _one_line(message: str) -> str:
    """What a stranger put into a name or path must not look like a line of ours, nor steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message.rstrip())


def _stamp(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"
