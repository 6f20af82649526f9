"""Decides what `python -m simulator` does: run a county, a case system, render a scene, list the scenes.

Law: exactly one line goes to stdout when a county is ready; everything else goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sqlite3
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from simulator import case_system
from simulator.control import ControlPort
from simulator.county import County, CountyFile, CountyFileWrong, read_county
from simulator.lens import equipment
from simulator.video import SCENES, Library, VideoError, render
from simulator.video.clip import write_whole


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; answers the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description="虚拟县域设备 A virtual county of devices")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="运行县域 run the devices of a county file until interrupted")
    run.add_argument("county", type=Path, help="the county file (TOML)")
    run.add_argument(
        "--cache", type=Path, default=Path("demo-data/clips"), help="where rendered clips are kept"
    )
    run.add_argument("--ready-file", type=Path, help="also write the ready line there")
    run.set_defaults(run=_run)
    render_scene = commands.add_parser("render", help="渲染场景 write a scene as MP4 with its truth")
    render_scene.add_argument("scene", help="a scene's name, see `scenes`")
    render_scene.add_argument("out", type=Path, help="the MP4 to write")
    render_scene.add_argument("--action", help="play this action instead of the loop")
    render_scene.set_defaults(run=_render)
    desk = commands.add_parser("case-system", help="示例事项系统 a sample case system that takes webhooks")
    desk.add_argument("--host", default="127.0.0.1")
    desk.add_argument("--port", type=int, default=0, help="0 takes any")
    desk.add_argument("--secret-file", type=Path, required=True, help="whsec_…; may be written later")
    desk.add_argument("--store", type=Path, default=Path("case-system.db"), help="what was received")
    desk.add_argument("--ready-file", type=Path, help="also write the ready line there")
    desk.set_defaults(run=_case_system)
    commands.add_parser("scenes", help="列出场景 list the scenes").set_defaults(run=_scenes)
    return parser


def _run(options: argparse.Namespace) -> int:
    try:
        file = read_county(options.county)
    except (CountyFileWrong, OSError) as error:
        print(f"县域文件有误 The county file is wrong:\n{error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(file, cache=options.cache, ready_file=options.ready_file))
    except (OSError, VideoError) as error:
        print(f"无法启动 Cannot start: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(file: CountyFile, *, cache: Path, ready_file: Path | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    library = Library(cache)
    county = County(file, equip=equipment(library))
    control = ControlPort(county, host=file.control.host, port=file.control.port)
    try:
        if await _unless(stopping, county.start()):
            await control.open()
            _announce({"ready": True, "control": control.url, "devices": county.addresses()}, ready_file)
            await stopping.wait()
    finally:
        await control.close()
        await county.stop()
        await library.close()


def _case_system(options: argparse.Namespace) -> int:
    try:
        asyncio.run(_open_desk(options))
    except (OSError, sqlite3.Error) as error:
        print(
            f"无法启动 Cannot start: {options.host}:{options.port} {options.store}: {error}", file=sys.stderr
        )
        return 1
    return 0


async def _open_desk(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await case_system.serve(
        host=options.host,
        port=options.port,
        secret_file=options.secret_file,
        store=options.store,
        announce=lambda ready: _announce(ready, options.ready_file),
        stopping=stopping,
    )


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, or give it up when asked to stop; True when it was done."""
    working = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not working.done():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return False
    working.result()
    return True


def _announce(ready: dict[str, object], ready_file: Path | None) -> None:
    line = json.dumps(ready, ensure_ascii=False)
    if ready_file is not None:
        write_whole(ready_file, f"{line}\n".encode())
    print(line, flush=True)


def _render(options: argparse.Namespace) -> int:
    try:
        truth = render(options.scene, options.out, action=options.action)
    except (VideoError, KeyError, OSError) as error:
        print(f"无法渲染 Cannot render: {error}", file=sys.stderr)
        return 2
    print(f"{options.out} {truth}")
    return 0


def _scenes(_options: argparse.Namespace) -> int:
    for scene in SCENES.values():
        print(f"{scene.name:20} {scene.about}; actions: {', '.join(scene.actions) or '-'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
