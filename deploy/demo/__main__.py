"""``python -m deploy.demo run|check``: bring up the county, play the story, show it or judge it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from deploy.demo import table
from deploy.demo.county import County
from deploy.demo.layout import FolderTaken
from deploy.demo.parts import PartFailed
from deploy.demo.story import REHEARSED, Record
from deploy.demo.telling import Told, tell

PRELUDE_S: Final = 8
WIDTH: Final = 132
"""Of the table where there is no terminal, as in a build log."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


class Interrupted(Exception):
    """Ctrl-C or SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 all as expected, 1 not, 2 could not start, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="deploy.demo", description="演示：一个县在一台机器上 / a county here"
    )
    parser.add_argument("what", choices=("run", "check"), help="run: watch it; check: judge it unattended")
    parser.add_argument("--data", type=Path, default=Path("demo-data"), help="the demo's own folder")
    parser.add_argument("--clips", type=Path, help="where rendered clips are kept; default: in --data")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with County(options.data, clips=options.clips, tell=_say, rehearse=REHEARSED) as county:
            return _check(county) if options.what == "check" else _run(county)
    except (FolderTaken, PartFailed) as error:
        console.print(f"[bold red]无法启动 / cannot start:[/] {error}", soft_wrap=True)
        return 2
    except Interrupted:
        console.print("已停止，没有留下任何进程 / stopped, nothing is left running")
        return 130 if options.what == "check" else 0


def _interrupt(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")


def _run(county: County) -> int:
    _introduce(county)
    console.print(
        f"{PRELUDE_S} 秒后开始，请先打开页面 / the story begins in {PRELUDE_S} s: open the page now"
    )
    time.sleep(PRELUDE_S)
    _play(county)
    console.print("县中心继续运行，按 Ctrl-C 结束 / the county goes on; Ctrl-C ends it")
    while True:
        time.sleep(1)


def _check(county: County) -> int:
    _introduce(county)
    holds = _play(county).reckoning.holds
    stubborn = county.stop()
    if stubborn:
        console.print(f"[bold red]✗ 不肯停止 / had to be killed:[/] {', '.join(stubborn)}")
    if stubborn or not holds:
        console.print(f"日志 / logs: {county.folders.logs}", soft_wrap=True)
    return 0 if holds and not stubborn else 1


def _introduce(county: County) -> None:
    accounts = ", ".join(f"{login} / {password}" for login, password in county.passwords.items())
    console.print(
        f"\n[bold]县中心页面 / county page[/]   {county.web.url}/\n"
        f"[bold]账号 / log-in[/]            {accounts}\n"
        f"[bold]事项系统 / case system[/]   {county.desk.url}/\n"
        f"[bold]设备控制口 / devices[/]     {county.control.url}/devices\n"
        f"[bold]数据目录 / data[/]          {county.folders.root}\n",
        soft_wrap=True,
    )


def _play(county: County) -> Told:
    """Tell the story; shows the table meanwhile and prints it at the end."""
    with Live(console=console, auto_refresh=False, transient=True) as shown:

        def progress(records: Sequence[Record]) -> None:
            if console.is_terminal:
                shown.update(table.live(records, county.pace), refresh=True)

        told = tell(county, progress=progress)
    console.print(table.steps_table(told.records))
    console.print(table.latency_table(told.records, [step.in_the_dark for step in told.steps]))
    console.print(table.footer(county.pace))
    console.print(table.verdict_text(told.reckoning), soft_wrap=True)
    return told


if __name__ == "__main__":
    sys.exit(main())
