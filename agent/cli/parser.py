"""The command line's grammar in two languages: headings, and what is wrong with what was typed."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

_UNKNOWN = "unrecognized arguments:"


class Misused(Exception):
    """What was typed is no command; ``usage`` is the line that says how it is written."""

    def __init__(self, message: str, *, usage: str) -> None:
        self.usage = usage
        super().__init__(message)


class _Formatter(argparse.HelpFormatter):
    """Headings in Chinese and English."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "用法 / usage: " if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """An argument parser whose headings are in both languages; its subparsers are made of it too."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(**options, add_help=False)
        self._positionals.title = "参数 / positional arguments"
        self._optionals.title = "选项 / options"
        self.add_argument("-h", "--help", action="help", help="显示帮助后退出 / show this help and exit")

    def error(self, message: str) -> NoReturn:
        """Raises Misused: whoever called knows whether the answer is JSON."""
        raise Misused(_without_values(message), usage=self.format_usage())


def _without_values(message: str) -> str:
    """The message; of arguments nobody knows only the options' names: a password may stand behind one."""
    if not message.startswith(_UNKNOWN):
        return message
    names = [
        word.partition("=")[0] for word in message.removeprefix(_UNKNOWN).split() if word.startswith("--")
    ]
    return f"无法识别的参数 / {_UNKNOWN} {', '.join(names) or '…'}"
