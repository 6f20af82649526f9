"""How a person is asked back before something dangerous: at a terminal, or ahead with ``--yes``."""

from __future__ import annotations

import argparse
import sys

from agent.cli.desk import Desk


def confirmed(desk: Desk, options: argparse.Namespace, what: str) -> bool:
    """Whether ``what`` (both languages) may be done. Without a terminal and ``--yes`` it may not."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        desk.paper.line(f"{what}: 请加 --yes 确认 / confirm with --yes")
        return False
    desk.paper.line(f"{what}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")
