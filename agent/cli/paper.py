"""How answers look: tables and sentences for people, one JSON document for scripts.

Law: with ``--json`` standard output holds exactly one JSON document (with ``--follow`` one a line), however
the command ends, and what is not the answer goes to standard error. What went wrong is a ``kind`` and a
``detail``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from agent.model import Secret


class Paper:
    """Where answers are written."""

    def __init__(
        self,
        *,
        as_json: bool,
        out: TextIO | None = None,
        err: TextIO | None = None,
        reword: Callable[[str], str] = lambda text: text,
    ) -> None:
        """``reword`` turns every sentence into what is right where the device is not of a configuration."""
        self.as_json = as_json
        self._reword = reword
        self.answered = False
        """Whether a document was written."""
        self.said = ""
        """The last sentence for people."""
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
        """Rows under ``columns`` ("地址 address"); ``empty`` is the sentence when there are none."""
        if not rows:
            self.line(empty)
            return
        table = Table(box=None, pad_edge=False, show_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console().print(table)

    def line(self, text: str) -> None:
        """One sentence for people; on standard error when the answer is JSON."""
        self.said = self._reword(text)
        print(self.said, file=self._err if self.as_json else self._out, flush=True)

    def document(self, value: object) -> None:
        """The answer for scripts; nothing without ``--json``."""
        if self.as_json:
            self.answered = True
            told = json.dumps(_plain(value, self._reword), ensure_ascii=False)
            print(told, file=self._out, flush=True)

    def _console(self) -> Console:
        out = self._err if self.as_json else self._out
        # A file or a pipe has no width: lines are then as long as they are.
        width = None if out.isatty() else 10_000
        return Console(file=out, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return str(value)


def _plain(value: object, reword: Callable[[str], str]) -> object:
    """The value as JSON holds it; secrets stay masked."""
    if isinstance(value, Secret):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each, reword) for name, each in _fields(value).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, reword) for name, each in value.items()}
    if isinstance(value, str):
        return reword(value)
    if isinstance(value, int | float) or value is None:
        return value
    if isinstance(value, Iterable):
        return [_plain(each, reword) for each in value]
    return str(value)


def _fields(value: object) -> Mapping[str, object]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}  # type: ignore[attr-defined]
