"""Asking back before something that cannot simply be undone. Law: nothing happens without a yes."""

from __future__ import annotations

import argparse
import sys

from agent.cli.desk import Desk


def confirmed(desk: Desk, options: argparse.Namespace, what: str) -> bool:
    """Whether ``--yes`` was given or a person says so now; nobody there to ask means no."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        desk.paper.line(f"{what}: 请加 --yes 确认 / confirm with --yes")
        return False
    desk.paper.line(f"{what}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")
