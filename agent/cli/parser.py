"""The command line's grammar in two languages: headings, and what is wrong with what was typed."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn


class Misused(Exception):
    """What was typed is no command; ``usage`` is the line that says how it is written."""

    def __init__(self, message: str, *, usage: str) -> None:
        self.usage = usage
        super().__init__(message)


class _Formatter(argparse.HelpFormatter):
    """Headings in Chinese and English."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, prefix or "用法 / usage: ")


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
        raise Misused(message, usage=self.format_usage())
